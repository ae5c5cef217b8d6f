#include "models/latent_index.hpp"

#include <algorithm>

namespace hearth {

namespace {

std::size_t round16(std::size_t n) { return (n + 15) / 16 * 16; }
std::size_t spans_of(std::size_t keys) { return (keys + kSpan - 1) / kSpan; }

// Where things stand in the memory of a run, in floats: for each token its scores twice, the keys that it chose and
// pointers to the pages that hold them; then those pages.
struct Places {
    std::size_t scores, chosen, pointers, token, pages, page;
    Places(std::size_t positions, std::size_t top, std::size_t page_bytes)
        : scores(round16(positions)),
          chosen(round16(top)),
          pointers(round16(spans_of(top) * sizeof(void*) / sizeof(float))),
          token(2 * scores + chosen + pointers),
          pages(LatentIndex::kTokens * token),
          page(page_bytes / sizeof(float)) {}
    std::size_t end(std::size_t top) const { return pages + LatentIndex::kTokens * spans_of(top) * page; }
};

}  // namespace

LatentIndex::LatentIndex(const LatentSpec& spec, std::size_t layer, const KvShape& kv)
    : spec_(spec.index), layer_(layer), index_(spec_, layer, kv.key_dim - spec.index.dim) {
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0}) {
        // The layer has the same number as in the cache, as attention sees both.
        std::vector<KvShape> shapes(layer);
        shapes.push_back(kv);
        layouts_[static_cast<std::size_t>(type)] = KvLayout::make(type, shapes);
    }
}

std::size_t LatentIndex::floats(const LatentSpec& spec, std::size_t key_dim, std::size_t positions) {
    if (positions <= spec.index.top) return 0;
    const KvShape kv{1, static_cast<std::uint32_t>(key_dim), spec.rank, 0, true};
    return Places(positions, spec.index.top, KvLayout::make(KvType::f32, std::span(&kv, 1)).page_bytes)
        .end(spec.index.top);
}

void LatentIndex::run(const RunContext& run, std::span<const BatchToken> tokens, const float* queries,
                      const float* weights, std::size_t weight_stride, float* memory,
                      std::array<KvView, kTokens>& views, std::array<BatchToken, kTokens>& seen) const {
    const std::size_t top = spec_.top, width = std::size_t{spec_.heads} * spec_.dim;
    std::size_t deepest = 0;
    bool sparse = false;
    const auto chooses = [&](std::size_t t) { return tokens[t].position + 1 > top; };
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        seen[t] = tokens[t];
        deepest = std::max(deepest, tokens[t].position + 1);
        sparse = sparse || chooses(t);
    }
    if (!sparse) return;
    // Sequences of a batch may have caches of several types: room for the largest.
    const Places at(deepest, top, layouts_[static_cast<std::size_t>(KvType::f32)].page_bytes);
    const auto scores = [&](std::size_t t) { return memory + t * at.token; };
    const auto chosen = [&](std::size_t t) {
        return reinterpret_cast<std::uint32_t*>(memory + t * at.token + 2 * at.scores);
    };
    const auto pointers = [&](std::size_t t) {
        return reinterpret_cast<std::byte**>(memory + t * at.token + 2 * at.scores + at.chosen);
    };
    const auto page = [&](std::size_t t, std::size_t s) {
        return reinterpret_cast<std::byte*>(memory + at.pages + (t * spans_of(top) + s) * at.page);
    };

    const std::size_t spans = spans_of(deepest), count = tokens.size();
    parallel_for(run.executor, spans * count, [&](std::size_t i, std::size_t worker) {
        const std::size_t t = i % count, s = i / count;
        if (chooses(t) && s * kSpan <= tokens[t].position)
            index_.score(run, *tokens[t].kv, tokens[t].position + 1, queries + t * width, weights + t * weight_stride, s, scores(t),
                  run.worker_scratch(worker));
    });
    parallel_for(run.executor, count, [&](std::size_t t, std::size_t) {
        if (chooses(t)) index_.choose(scores(t), tokens[t].position + 1, scores(t) + at.scores, chosen(t));
    });
    parallel_for(run.executor, spans_of(top) * count, [&](std::size_t i, std::size_t) {
        const std::size_t t = i % count, s = i / count, first = s * kSpan;
        if (chooses(t))
            gather_keys(*tokens[t].kv, layer_, {chosen(t) + first, 0, std::min(kSpan, top - first)},
                        layouts_[static_cast<std::size_t>(tokens[t].kv->layout->type)], layer_, 0, page(t, s));
    });
    for (std::size_t t = 0; t < count; ++t) {
        if (!chooses(t)) continue;
        for (std::size_t s = 0; s < spans_of(top); ++s) pointers(t)[s] = page(t, s);
        views[t] = {};
        views[t].layout = &layouts_[static_cast<std::size_t>(tokens[t].kv->layout->type)];
        views[t].pages = pointers(t);
        seen[t] = {&views[t], top - 1};
    }
}

}  // namespace hearth
