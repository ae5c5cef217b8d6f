// A model small enough to be checked by hand over caches of every kind: what its logits say is all that its queries saw.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hearth/runtime/sequence.hpp"
#include "layers/support.hpp"

namespace hearth::test {

// The host's allocator, which can refuse.
struct Host {
    std::size_t calls = 0, bytes = 0, most = 0, refuse_from = SIZE_MAX;

    static void* allocate(std::size_t n, std::size_t alignment, void* user) {
        auto& h = *static_cast<Host*>(user);
        if (h.calls++ >= h.refuse_from) return nullptr;
        h.bytes += n;
        h.most = std::max(h.most, h.bytes);
        void* const block = std::aligned_alloc(alignment, n);
        std::memset(block, 0xff, n);  // what was never stored must not be looked at
        return block;
    }
    static void release(void* block, std::size_t n, void* user) {
        static_cast<Host*>(user)->bytes -= n;
        std::free(block);
    }
};

inline constexpr Reach kAll{}, kWindow{100, 0}, kFar{700, 0}, kOne{1, 0}, kChunk{0, 300}, kSpans{0, 2 * kSpan};

constexpr std::uint32_t kVocab = 1000;

struct Fixture {
    Host host;
    std::shared_ptr<const KvLayout> layout;
    std::shared_ptr<Memory> memory;

    // rows: how many tokens each row of further layers stands for.
    Fixture(std::initializer_list<Reach> reaches, std::size_t states, std::initializer_list<std::size_t> rows = {}) {
        std::vector<KvShape> shapes;
        for (const Reach& reach : reaches) shapes.push_back({1, 1, 1, 0, false, reach});
        for (std::size_t i = 0; i < states; ++i) shapes.push_back({0, 0, 0, 3 + i});
        for (const std::size_t every : rows) shapes.push_back({1, 1, 1, 0, false, {}, every});
        layout = std::make_shared<const KvLayout>(KvLayout::make(KvType::f32, shapes));
        memory = std::make_shared<Memory>(Allocator{Host::allocate, Host::release, &host}, 0);
    }
    Sequence sequence(std::size_t context, std::uint64_t allowance) const {
        return {KvCache(layout, memory, allowance), kVocab, context};
    }
};

inline std::uint32_t mixed(std::uint32_t h, std::uint32_t x) { return (h ^ x) * 0x9e3779b1U + (h >> 15); }
inline std::uint32_t key_of(std::int32_t token, std::size_t position) {
    return mixed(static_cast<std::uint32_t>(token), static_cast<std::uint32_t>(position));
}

// A model whose keys are numbers of token and position (those of a row for several tokens: of the last), whose states are
// digests of all tokens, and whose logits are a digest of all that a query sees.
class Toy {
public:
    static void store(const SequenceBatch& b) {
        for (std::size_t l = 0; l < b.kv.layout->layers.size(); ++l)
            for (std::size_t i = 0; i < b.tokens.size(); ++i) {
                const std::size_t at = b.position + i;
                if (float* const state = b.kv.layout->layers[l].shape.heads == 0 ? b.kv.states[l] : nullptr) {
                    for (std::size_t c = 0; c < b.kv.layout->layers[l].shape.state_floats; ++c) {
                        auto& s = reinterpret_cast<std::uint32_t*>(state)[c];
                        s = mixed(s + static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(b.tokens[i]));
                    }
                } else if (const std::size_t every = b.kv.layout->layers[l].shape.every; (at + 1) % every == 0) {
                    slot(b.kv, l, at / every) = key_of(b.tokens[i], at);
                }
            }
    }
    // After the last token of a batch that was stored.
    static std::vector<float> logits(const SequenceBatch& b) {
        const std::size_t at = b.position + b.tokens.size() - 1;
        std::vector<float> out;
        for (std::size_t l = 0; l < b.kv.layout->layers.size(); ++l) {
            const KvShape& shape = b.kv.layout->layers[l].shape;
            std::uint32_t h = 0;
            if (shape.heads == 0)
                for (std::size_t c = 0; c < shape.state_floats; ++c)
                    h = mixed(h, reinterpret_cast<const std::uint32_t*>(b.kv.states[l])[c]);
            else
                for (std::size_t p = shape.reach.first(at); p < (at + 1) / shape.every; ++p)
                    h = mixed(h, slot(b.kv, l, p));
            out.push_back(static_cast<float>(h >> 8));
        }
        out.resize(kVocab);
        return out;
    }
    // The same from the tokens alone.
    static std::vector<float> expected(const KvLayout& layout, std::span<const std::int32_t> tokens) {
        std::vector<float> out;
        for (const KvLayout::Layer& l : layout.layers) {
            std::uint32_t h = 0;
            for (std::uint32_t c = 0; c < l.shape.state_floats; ++c) {
                std::uint32_t s = 0;
                for (const std::int32_t t : tokens) s = mixed(s + c, static_cast<std::uint32_t>(t));
                h = mixed(h, s);
            }
            const std::size_t rows = l.shape.heads != 0 ? tokens.size() / l.shape.every : 0;
            for (std::size_t p = l.shape.reach.first(tokens.size() - 1); p < rows; ++p) {
                const std::size_t last = (p + 1) * l.shape.every - 1;
                h = mixed(h, key_of(tokens[last], last));
            }
            out.push_back(static_cast<float>(h >> 8));
        }
        out.resize(kVocab);
        return out;
    }

private:
    static std::uint32_t& slot(const KvView& kv, std::size_t layer, std::size_t position) {
        std::byte* const page = kv.page(layer, position / kSpan);
        if (page == nullptr) FAIL("a page that is gone was looked at");
        return reinterpret_cast<std::uint32_t*>(page + kv.layout->keys_offset(layer, 0))[position % kSpan];
    }
};

// Evaluates what is missing; false where memory was refused, or where the draws let a pass fail.
inline bool evaluate(Sequence& s, std::size_t chunk, Draws* failures = nullptr) {
    for (std::size_t left = s.missing(); left > 0; left = s.missing()) {
        const std::size_t count = std::min(left, chunk);
        auto batch = s.next_batch(count, count == left ? 1 : 0);
        if (!batch.ok()) {
            CHECK(batch.status().code() == Code::out_of_memory);
            return false;
        }
        Toy::store(*batch);
        if (failures != nullptr && failures->below(4) == 0) return false;
        s.done(count, count == left ? Toy::logits(*batch) : std::vector<float>());
    }
    return true;
}

inline void check_logits(const Fixture& f, const Sequence& s) {
    REQUIRE(s.missing() == 0);
    const auto want = Toy::expected(*f.layout, s.tokens());
    CHECK(std::ranges::equal(s.logits(), want));
}

inline std::vector<std::int32_t> some(Draws& draws, std::size_t n) {
    std::vector<std::int32_t> v(n);
    for (auto& t : v) t = static_cast<std::int32_t>(draws.below(kVocab));
    return v;
}

struct Kind {
    std::initializer_list<Reach> reaches;
    std::size_t states;
    std::initializer_list<std::size_t> rows = {};
};
inline const Kind kKinds[] = {{{kWindow}, 0},
                       {{kAll, kWindow, kFar}, 0},
                       {{kOne, kChunk}, 0},
                       {{kSpans, kAll}, 0},
                       {{{100, 300}, kAll}, 0},
                       {{kAll}, 2},
                       {{}, 1},
                       {{kFar, kChunk}, 1},
                       {{kWindow}, 1, {4, 3}},
                       {{kAll}, 0, {4}}};

}  // namespace hearth::test
