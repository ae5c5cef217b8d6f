// What queries of compressed attention see, key by key, against the cache that it was taken from.
#include "models/compressed_keys.hpp"

#include <algorithm>

#include "layers/support.hpp"
#include "support/pages.hpp"

namespace hearth::test {
namespace {

constexpr std::uint32_t kKey = 22, kDim = 10, kHeads = 2;  // codes of a key and of the indexer's share a unit
constexpr std::size_t kLayer = 1, kRows = 3;               // in the cache

DecoderSpec spec_of(std::uint32_t ratio, std::size_t window, std::uint32_t top) {
    DecoderSpec s;
    s.layers.resize(2);
    LayerSpec& l = s.layers[kLayer];
    l.mixer = MixerKind::compressed;
    l.kv_heads = 1;
    l.key_dim = l.value_dim = kKey;
    l.window = window;
    l.ratio = ratio;
    l.indexed = top != 0;
    s.compressed.index = {kHeads, kDim, top};
    return s;
}

// The first channels of the key in a slot of a page, as they are stored.
std::vector<std::byte> stored(const KvLayout& layout, std::size_t layer, const std::byte* page, std::size_t slot) {
    const std::byte* const keys = page + layout.keys_offset(layer, 0);
    const std::size_t dim = layout.layers[layer].shape.key_dim, lane = slot % kLanes;
    const std::size_t element = layout.type == KvType::f16 ? 2 : layout.type == KvType::f32 ? 4 : 1;
    std::vector<std::byte> out;
    for (std::size_t c = 0; c < kKey; ++c) {
        const std::size_t at = layout.type == KvType::q8_0
                                   ? ((slot / kLanes * key_units(dim) + c / 4) * kLanes + lane) * 4 + c % 4
                                   : (slot / kLanes * dim + c) * kLanes + lane;
        out.insert(out.end(), keys + at * element, keys + (at + 1) * element);
    }
    if (layout.type == KvType::q8_0) {
        const std::byte* const scale = keys + layout.layers[layer].key_scales + slot * sizeof(float);
        out.insert(out.end(), scale, scale + sizeof(float));
    }
    return out;
}

struct Cache {
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
    KvLayout layout;
    std::unique_ptr<Pages> pages;
    KvView view;

    Cache(KvType type, const DecoderSpec& spec, std::size_t tokens, std::size_t first) {
        const LayerSpec& l = spec.layers[kLayer];
        const KvShape shapes[] = {{},
                                  {1, kKey, kKey, 0, true, {l.window, 0}},
                                  {},
                                  {1, kKey + (l.indexed ? kDim : 0), kKey, 0, true, {}, l.ratio}};
        layout = KvLayout::make(type, shapes);
        pages = std::make_unique<Pages>(layout, tokens, memory, first);
        view = pages->view();
        Draws draws(3);
        const KernelTable& k = kernel_table(best_isa());
        for (std::size_t i = first; i < tokens; ++i) kv_store_key(view, kLayer, 0, i, draws.many(kKey).data(), k);
        for (std::size_t i = 0; i < tokens / l.ratio; ++i)
            kv_store_key(view, kRows, 0, i, draws.many(kKey + kDim).data(), k);
    }
    std::vector<std::byte> key(std::size_t layer, std::size_t row) const {
        return stored(layout, layer, view.page(layer, row / kSpan), row % kSpan);
    }
};

void check(KvType type, std::uint32_t ratio, std::size_t window, std::uint32_t top,
           const std::vector<std::size_t>& positions) {
    CAPTURE(static_cast<int>(type));
    CAPTURE(ratio);
    CAPTURE(top);
    const DecoderSpec spec = spec_of(ratio, window, top);
    const LayerSpec& layer = spec.layers[kLayer];
    const std::size_t deepest = positions.back() + 1;
    const Cache cache(type, spec, deepest, positions.front() - std::min(positions.front(), window));
    Draws draws(4);
    const auto queries = draws.many(positions.size() * kHeads * kDim), weights = draws.many(positions.size() * kHeads);
    std::vector<std::vector<std::byte>> seen_before;
    for (const std::size_t workers : {1U, 3U}) {
        const CompressedKeys keys(spec, kLayer);
        std::vector<BatchToken> tokens;
        tokens.reserve(positions.size());
        for (const std::size_t p : positions) tokens.push_back({&cache.view, p});
        Workers crew(workers, std::max<std::size_t>(CompressedKeys::scratch(spec, layer), 64));
        const std::size_t floats = CompressedKeys::floats(spec, layer, deepest);
        auto memory = Buffer::make(cache.memory, (floats + 64) * sizeof(float), "keys");
        REQUIRE(memory.ok());
        auto* const room = memory->as<float>();
        std::fill_n(room, floats + 64, 5.0F);
        std::array<KvView, CompressedKeys::kTokens> views;
        std::array<BatchToken, CompressedKeys::kTokens> seen;
        keys.run(crew.run(kernel_table(best_isa())), tokens, queries.data(), weights.data(), room, views, seen);
        for (std::size_t i = 0; i < 64; ++i) CHECK(room[floats + i] == 5.0F);
        std::vector<std::vector<std::byte>> all;
        for (std::size_t t = 0; t < positions.size(); ++t) {
            const std::size_t n = positions[t] + 1, rows = n / ratio, raw = std::min(window, n);
            const std::size_t chosen = top != 0 ? std::min<std::size_t>(rows, top) : rows;
            REQUIRE(seen[t].position + 1 == chosen + raw);
            CHECK(seen[t].position + 1 <= CompressedKeys::most(spec, layer, deepest));
            std::size_t row = 0;
            for (std::size_t i = 0; i < chosen + raw; ++i) {
                const auto key = stored(*seen[t].kv->layout, 0, seen[t].kv->page(0, i / kSpan), i % kSpan);
                all.push_back(key);
                if (i >= chosen) {
                    CHECK(key == cache.key(kLayer, n - raw + i - chosen));
                } else if (chosen == rows) {
                    CHECK(key == cache.key(kRows, i));
                } else {  // rows in their order
                    while (row < rows && key != cache.key(kRows, row)) ++row;
                    REQUIRE(row < rows);
                    ++row;
                }
            }
        }
        if (workers != 1) CHECK(all == seen_before);
        seen_before = std::move(all);
    }
}

}  // namespace

TEST_CASE("compressed keys: rows, all or chosen, and then the window, as they are in the cache") {
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0}) {
        check(type, 4, 7, 5, {0, 2, 3, 6, 19, 23, 24, 90});
        check(type, 4, 300, 260, {1100, 1200, 1201});
        check(type, 4, 20, 1000, {1036, 1037});
        check(type, 128, 9, 0, {5, 127, 128, 300});
        // Whole spans of rows are read where they are.
        check(type, 128, 130, 0, {32766, 32767, 32768, 65790});
    }
}

}  // namespace hearth::test
