#include "models/latent_index.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "hearth/base/half.hpp"

namespace hearth {

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

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
    : spec_(spec), layer_(layer), first_(kv.key_dim - spec.index_dim) {
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0}) {
        // The layer has the same number as in the cache, as attention sees both.
        std::vector<KvShape> shapes(layer);
        shapes.push_back(kv);
        layouts_[static_cast<std::size_t>(type)] = KvLayout::make(type, shapes);
    }
}

std::size_t LatentIndex::floats(const LatentSpec& spec, std::size_t key_dim, std::size_t positions) {
    if (positions <= spec.index_top) return 0;
    const KvShape kv{1, static_cast<std::uint32_t>(key_dim), spec.rank, 0, true};
    return Places(positions, spec.index_top, KvLayout::make(KvType::f32, std::span(&kv, 1)).page_bytes)
        .end(spec.index_top);
}

std::size_t LatentIndex::scratch(const LatentSpec& spec) {
    return (std::size_t{spec.index_heads} * kSpan + std::size_t{spec.index_dim} * kLanes) * sizeof(float);
}

void LatentIndex::run(const RunContext& run, std::span<const BatchToken> tokens, const float* queries,
                      const float* weights, std::size_t weight_stride, float* memory,
                      std::array<KvView, kTokens>& views, std::array<BatchToken, kTokens>& seen) const {
    const std::size_t top = spec_.index_top, width = std::size_t{spec_.index_heads} * spec_.index_dim;
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
            score(run, tokens[t], queries + t * width, weights + t * weight_stride, s, scores(t),
                  run.worker_scratch(worker));
    });
    parallel_for(run.executor, count, [&](std::size_t t, std::size_t) {
        if (chooses(t)) choose(scores(t), tokens[t].position + 1, scores(t) + at.scores, chosen(t));
    });
    parallel_for(run.executor, spans_of(top) * count, [&](std::size_t i, std::size_t) {
        const std::size_t t = i % count, s = i / count, first = s * kSpan;
        if (chooses(t)) gather(tokens[t], {chosen(t) + first, std::min(kSpan, top - first)}, page(t, s));
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

// scores[j] = sum over heads, ascending, of weight * max(query . key j, 0), for keys of a span up to the token's own.
void LatentIndex::score(const RunContext& run, const BatchToken& token, const float* queries, const float* weights,
                        std::size_t span, float* scores, std::byte* scratch) const {
    const KvLayout& layout = *token.kv->layout;
    const KvLayout::Layer& l = layout.layers[layer_];
    const std::byte* const keys = token.kv->page(layer_, span) + layout.keys_offset(layer_, 0);
    const std::size_t n = std::min(kSpan, token.position + 1 - span * kSpan), key_dim = l.shape.key_dim,
                      dim = spec_.index_dim;
    auto* const dots = reinterpret_cast<float*>(scratch);     // [heads, kSpan]
    float* const decoded = dots + spec_.index_heads * kSpan;  // [dim][16]
    GemmArgs a{};
    a.k = dim;
    a.x = queries;
    a.x_stride = dim * sizeof(float);
    a.tokens = spec_.index_heads;
    a.y = dots;
    a.y_stride = kSpan;
    if (layout.type != KvType::q8_0) {  // 16 keys in lanes are a panel of 16 rows
        const std::size_t element = layout.type == KvType::f16 ? sizeof(f16) : sizeof(float);
        a.panels = keys + first_ * kLanes * element;
        a.panel_bytes = key_dim * kLanes * element;
        a.rows = n;
        (layout.type == KvType::f16 ? run.kernels.gemm_f16 : run.kernels.gemm_f32)(a);
    } else {
        const auto* const scales = reinterpret_cast<const float*>(keys + l.key_scales);
        for (std::size_t j = 0; j < n; j += kLanes) {
            const auto* const codes =
                reinterpret_cast<const std::uint8_t*>(keys) + j / kLanes * key_units(key_dim) * kLanes * 4;
            a.rows = std::min(kLanes, n - j);
            for (std::size_t c = 0; c < dim; ++c) {
                const std::size_t channel = first_ + c;
                for (std::size_t lane = 0; lane < kLanes; ++lane) {
                    const int code = codes[(channel / 4 * kLanes + lane) * 4 + channel % 4];
                    decoded[c * kLanes + lane] =
                        lane < a.rows ? scales[j + lane] * static_cast<float>(code - 128) : 0.0F;
                }
            }
            a.panels = decoded;
            a.panel_bytes = dim * kLanes * sizeof(float);
            a.y = dots + j;
            run.kernels.gemm_f32(a);
        }
    }
    float* const to = scores + span * kSpan;
    std::fill_n(to, n, 0.0F);
    for (std::size_t h = 0; h < spec_.index_heads; ++h) {
        const float* const row = dots + h * kSpan;
        for (std::size_t j = 0; j < n; ++j) to[j] += weights[h] * (row[j] > 0 ? row[j] : 0.0F);
    }
    for (std::size_t j = 0; j < n; ++j) to[j] = to[j] == to[j] ? to[j] : kNone;
}

// The index_top best of `count` keys, ascending. room: [count].
void LatentIndex::choose(const float* scores, std::size_t count, float* room, std::uint32_t* chosen) const {
    const std::size_t top = spec_.index_top;
    std::copy_n(scores, count, room);
    std::nth_element(room, room + top - 1, room + count, std::greater<>());
    const float least = room[top - 1];
    auto equal = static_cast<std::size_t>(std::count(room, room + top, least));
    std::size_t held = 0;
    for (std::size_t j = 0; j < count && held < top; ++j) {
        if (!(scores[j] > least) && (scores[j] != least || equal == 0)) continue;
        if (scores[j] == least) --equal;
        chosen[held++] = static_cast<std::uint32_t>(j);
    }
}

// Keys of the cache side by side, as a page of their own has them.
void LatentIndex::gather(const BatchToken& token, std::span<const std::uint32_t> chosen, std::byte* page) const {
    const KvLayout &from = *token.kv->layout, &to = layouts_[static_cast<std::size_t>(from.type)];
    const KvLayout::Layer &l = from.layers[layer_], &own = to.layers[layer_];
    std::byte* const keys = page + to.keys_offset(layer_, 0);
    const auto copy = [&]<class T>(T, std::size_t rows) {  // of elements T, `rows` of which are a key
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const std::size_t slot = chosen[i] % kSpan;
            const auto* const src =
                reinterpret_cast<const T*>(token.kv->page(layer_, chosen[i] / kSpan) + from.keys_offset(layer_, 0)) +
                slot / kLanes * rows * kLanes + slot % kLanes;
            T* const dst = reinterpret_cast<T*>(keys) + i / kLanes * rows * kLanes + i % kLanes;
            for (std::size_t c = 0; c < rows; ++c) dst[c * kLanes] = src[c * kLanes];
        }
    };
    switch (from.type) {
        case KvType::f16:
            return copy(std::uint16_t{}, l.shape.key_dim);
        case KvType::f32:
            return copy(float{}, l.shape.key_dim);
        case KvType::q8_0:
            copy(std::uint32_t{}, key_units(l.shape.key_dim));
            auto* const scales = reinterpret_cast<float*>(keys + own.key_scales);
            for (std::size_t i = 0; i < chosen.size(); ++i)
                scales[i] =
                    reinterpret_cast<const float*>(token.kv->page(layer_, chosen[i] / kSpan) +
                                                   from.keys_offset(layer_, 0) + l.key_scales)[chosen[i] % kSpan];
            return;
    }
}

}  // namespace hearth
