// The indexer of sparse latent attention against scores in double: what it chooses, what it hands to attention.
#include "models/latent_index.hpp"

#include <algorithm>
#include <numeric>

#include "hearth/base/half.hpp"
#include "kernels/values.hpp"
#include "layers/support.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

constexpr std::uint32_t kRank = 24, kRotated = 8, kDim = 12, kHeads = 3;
constexpr std::size_t kKeyDim = kRank + kRotated + kDim, kLayer = 1;

LatentSpec spec_of(std::uint32_t top) {
    LatentSpec s;
    s.rank = kRank;
    s.index.heads = kHeads;
    s.index.dim = kDim;
    s.index.top = top;
    return s;
}

// A sequence whose keys repeat with the given period: equal keys have equal scores.
struct Sequence {
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
    KvLayout layout;
    std::unique_ptr<Pages> pages;
    KvView view;
    std::vector<std::vector<float>> keys;

    Sequence(KvType type, std::size_t length, std::size_t period) {
        const KvShape latent{1, kKeyDim, kRank, 0, true};
        const KvShape shapes[] = {{2, 8, 8}, latent, latent};
        layout = KvLayout::make(type, shapes);
        pages = std::make_unique<Pages>(layout, length, memory);
        view = pages->view();
        Draws draws(5);
        std::vector<std::vector<float>> all;
        for (std::size_t i = 0; i < period; ++i) all.push_back(draws.many(kKeyDim));
        for (std::size_t i = 0; i < length; ++i) {
            keys.push_back(all[i % period]);
            kv_store_key(view, kLayer, 0, i, keys.back().data(), kernel_table(best_isa()));
            for (float& x : keys.back())
                if (type == KvType::f16) x = f16_to_f32(f32_to_f16(x));
        }
    }
};

struct Chosen {
    std::vector<std::vector<std::byte>> pages;  // of each token; empty where it sees all
    std::vector<std::size_t> positions;
};

Chosen choose(const LatentSpec& spec, const Sequence& sequence, const std::vector<std::size_t>& positions,
              const std::vector<float>& queries, const std::vector<float>& weights, std::size_t workers, Isa isa) {
    const LatentIndex index(spec, kLayer, sequence.layout.layers[kLayer].shape);
    std::vector<BatchToken> tokens;
    for (const std::size_t p : positions) tokens.push_back({&sequence.view, p});
    Workers crew(workers, LatentIndex::scratch(spec));
    const std::size_t deepest = *std::max_element(positions.begin(), positions.end()) + 1;
    std::vector<float> memory(LatentIndex::floats(spec, kKeyDim, deepest) + 64, 5.0F);
    std::array<KvView, LatentIndex::kTokens> views;
    std::array<BatchToken, LatentIndex::kTokens> seen{};
    index.run(crew.run(kernel_table(isa)), tokens, queries.data(), weights.data(), kHeads, memory.data(), views, seen);
    for (std::size_t i = 0; i < 64; ++i) CHECK(memory[memory.size() - 1 - i] == 5.0F);
    Chosen out;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        out.positions.push_back(seen[t].position);
        out.pages.emplace_back();
        if (seen[t].kv == tokens[t].kv) continue;
        const std::size_t offset = seen[t].kv->layout->keys_offset(kLayer, 0),
                          bytes = seen[t].kv->layout->layers[kLayer].key_bytes;
        for (std::size_t s = 0; s <= seen[t].position / kSpan; ++s) {
            const std::byte* const page = seen[t].kv->page(kLayer, s) + offset;
            out.pages.back().insert(out.pages.back().end(), page, page + bytes);
        }
    }
    return out;
}

// The chosen positions by definition: best score first, of equal ones the earlier.
std::vector<std::size_t> expected(const LatentSpec& spec, const Sequence& sequence, std::size_t position,
                                  const float* queries, const float* weights) {
    std::vector<double> scores;
    for (std::size_t j = 0; j <= position; ++j) {
        double sum = 0;
        for (std::size_t h = 0; h < kHeads; ++h) {
            double dot = 0;
            for (std::size_t c = 0; c < kDim; ++c)
                dot += static_cast<double>(queries[h * kDim + c]) *
                       static_cast<double>(sequence.keys[j][kRank + kRotated + c]);
            sum += static_cast<double>(weights[h]) * std::max(dot, 0.0);
        }
        scores.push_back(sum);
    }
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    order.resize(spec.index.top);
    std::sort(order.begin(), order.end());
    return order;
}

}  // namespace

TEST_CASE("latent index: the best keys, of equal ones the earlier, in ascending order, for all cache types") {
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0})
        for (const std::size_t period : {600U, 40U})
            for (const std::uint32_t top : {7U, 300U}) {
                CAPTURE(static_cast<int>(type));
                CAPTURE(period);
                CAPTURE(top);
                const LatentSpec spec = spec_of(top);
                const Sequence sequence(type, 600, period);
                const std::vector<std::size_t> positions{0, top - 1, top, 511, 512, 599};
                Draws draws(6);
                const auto queries = draws.many(positions.size() * kHeads * kDim),
                           weights = draws.many(positions.size() * kHeads);
                const Chosen first = choose(spec, sequence, positions, queries, weights, 1, reference_isa());
                for (std::size_t t = 0; t < positions.size(); ++t) {
                    if (positions[t] < top) {  // sees all
                        CHECK((first.positions[t] == positions[t] && first.pages[t].empty()));
                        continue;
                    }
                    CHECK(first.positions[t] == top - 1);
                    if (type == KvType::q8_0 && period == 600) continue;  // codes may tip what is all but equal
                    // The same keys at the same places as in a sequence that has no others.
                    const auto want =
                        expected(spec, sequence, positions[t], &queries[t * kHeads * kDim], &weights[t * kHeads]);
                    Sequence alone(type, top, top);
                    for (std::size_t i = 0; i < want.size(); ++i)
                        kv_store_key(alone.view, kLayer, 0, i, sequence.keys[want[i]].data(), kernel_table(best_isa()));
                    const KvLayout::Layer& l = alone.layout.layers[kLayer];
                    const std::size_t units = type == KvType::q8_0 ? key_units(kKeyDim) : kKeyDim,
                                      element = type == KvType::f16 ? 2 : 4;
                    bool same = true;
                    for (std::size_t i = 0; i < want.size(); ++i) {
                        const std::byte* const page =
                            alone.view.page(kLayer, i / kSpan) + alone.layout.keys_offset(kLayer, 0);
                        const std::byte* const got = &first.pages[t][i / kSpan * l.key_bytes];
                        const std::size_t slot = i % kSpan;
                        for (std::size_t c = 0; c < units; ++c) {
                            const std::size_t at = ((slot / 16 * units + c) * 16 + slot % 16) * element;
                            same = same && std::memcmp(got + at, page + at, element) == 0;
                        }
                        const std::size_t scale = l.key_scales + slot * sizeof(float);
                        same = same &&
                               (type != KvType::q8_0 || std::memcmp(got + scale, page + scale, sizeof(float)) == 0);
                    }
                    CHECK(same);
                }
                for (const Isa isa : available_isas())
                    for (const std::size_t workers : {1U, 3U}) {
                        const Chosen again = choose(spec, sequence, positions, queries, weights, workers, isa);
                        CHECK(again.positions == first.positions);
                        CHECK(again.pages == first.pages);
                    }
            }
}

}  // namespace hearth::test
