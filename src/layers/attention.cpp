#include "hearth/layers/attention.hpp"

#include <algorithm>

#include "hearth/base/half.hpp"

namespace hearth {

namespace {

constexpr std::size_t kTokenTile = 8;  // queries that share one pass over a span while it is in cache

std::size_t round64(std::size_t n) { return (n + 63) / 64 * 64; }

// Span results of one token and one K/V head: out [spans][group][value_dim], max and sum [spans][group].
struct Partials {
    float* out;
    float* max;
    float* sum;
    std::size_t group, value_dim;

    static std::size_t floats(std::size_t spans, std::size_t group, std::size_t value_dim) {
        return round64(spans * group * (value_dim + 2));
    }
    Partials(float* base, std::size_t spans, std::size_t g, std::size_t dim)
        : out(base), max(base + spans * g * dim), sum(base + spans * g * (dim + 1)), group(g), value_dim(dim) {}
};

struct Walk {
    const RunContext& run;
    const AttentionSpec& spec;
    std::size_t layer;
    std::span<const BatchToken> tokens;
    const float* q;
    std::size_t q_stride;
    float* y;
    KvShape shape;
    std::size_t group;

    // First and one past the last key position of token t.
    std::size_t first_key(std::size_t t) const {
        const std::size_t p = tokens[t].position;
        return spec.window != 0 && p + 1 > spec.window ? p + 1 - spec.window : 0;
    }
    std::size_t first_span(std::size_t t) const { return first_key(t) / kSpan; }
    std::size_t end_span(std::size_t t) const { return tokens[t].position / kSpan + 1; }
    std::size_t spans(std::size_t t) const { return end_span(t) - first_span(t); }

    void span(std::size_t t, std::size_t head, std::size_t s, const Partials& p, std::size_t worker) const {
        const KvView& kv = *tokens[t].kv;
        const std::byte* page = kv.pages[s];
        const std::size_t i = s - first_span(t);
        AttentionSpanArgs a{};
        a.q = q + t * q_stride + head * group * shape.key_dim;
        a.q_stride = shape.key_dim;
        a.heads = group;
        a.keys = page + kv.layout->keys_offset(layer, head);
        a.values = page + kv.layout->values_offset(layer, head);
        a.key_dim = shape.key_dim;
        a.value_dim = shape.value_dim;
        a.first = std::max(first_key(t), s * kSpan) - s * kSpan;
        a.last = std::min(tokens[t].position + 1, (s + 1) * kSpan) - s * kSpan;
        a.scale = spec.scale;
        a.softcap = spec.softcap;
        a.scratch = reinterpret_cast<float*>(run.worker_scratch(worker));
        a.out = p.out + i * group * shape.value_dim;
        a.out_stride = shape.value_dim;
        a.max = p.max + i * group;
        a.sum = p.sum + i * group;
        (kv.layout->type == KvType::f16 ? run.kernels.attention_span_f16 : run.kernels.attention_span_f32)(a);
    }

    void merge(std::size_t t, std::size_t head, const Partials& p) const {
        for (std::size_t g = 0; g < group; ++g) {
            const std::size_t h = head * group + g;
            AttentionMergeArgs a{};
            a.out = p.out + g * shape.value_dim;
            a.out_stride = group * shape.value_dim;
            a.max = p.max + g;
            a.sum = p.sum + g;
            a.stat_stride = group;
            a.spans = spans(t);
            a.dim = shape.value_dim;
            a.has_sink = spec.sinks != nullptr;
            a.sink = a.has_sink ? spec.sinks[h] : 0.0F;
            a.y = y + t * spec.heads * shape.value_dim + h * shape.value_dim;
            run.kernels.attention_merge(a);
        }
    }
};

}  // namespace

KvLayout KvLayout::make(KvType type, std::span<const KvShape> shapes) {
    KvLayout layout;
    layout.type = type;
    std::size_t at = 0;
    for (const KvShape& s : shapes) {
        Layer l{s, at, 0};
        at += round64(s.heads * kSpan * s.key_dim * layout.element_bytes());
        l.values = at;
        at += round64(s.heads * kSpan * s.value_dim * layout.element_bytes());
        layout.layers.push_back(l);
    }
    layout.page_bytes = at;
    return layout;
}

void kv_store_key(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* key) {
    const std::size_t dim = kv.layout->layers[layer].shape.key_dim;
    const std::size_t slot = position % kSpan;
    std::byte* const keys = kv.pages[position / kSpan] + kv.layout->keys_offset(layer, head);
    const std::size_t at = slot / kLanes * dim * kLanes + slot % kLanes;
    if (kv.layout->type == KvType::f16) {
        auto* to = reinterpret_cast<f16*>(keys) + at;
        for (std::size_t c = 0; c < dim; ++c) to[c * kLanes] = f32_to_f16(key[c]);
    } else {
        auto* to = reinterpret_cast<float*>(keys) + at;
        for (std::size_t c = 0; c < dim; ++c) to[c * kLanes] = key[c];
    }
}

void kv_store_value(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* value,
                    const KernelTable& kernels) {
    const std::size_t dim = kv.layout->layers[layer].shape.value_dim;
    std::byte* const values = kv.pages[position / kSpan] + kv.layout->values_offset(layer, head);
    const std::size_t at = position % kSpan * dim;
    if (kv.layout->type == KvType::f16)
        kernels.to_f16(value, dim, reinterpret_cast<f16*>(values) + at);
    else
        std::copy_n(value, dim, reinterpret_cast<float*>(values) + at);
}

std::size_t attention_partials(std::size_t workers, std::size_t group, std::size_t value_dim, std::size_t positions) {
    // A tile of tokens for each worker; the other walk has at most kTokenTile items for each worker.
    return workers * kTokenTile * Partials::floats((positions + kSpan - 1) / kSpan, group, value_dim);
}

std::size_t attention_scratch(std::size_t group) { return group * kSpan * sizeof(float); }

void attention(const RunContext& run, const AttentionSpec& spec, std::size_t layer, std::span<const BatchToken> tokens,
               const float* q, std::size_t q_stride, float* y, float* partials) {
    if (tokens.empty()) return;
    const KvShape shape = tokens[0].kv->layout->layers[layer].shape;
    const std::size_t group = spec.heads / shape.heads;
    const Walk walk{run, spec, layer, tokens, q, q_stride, y, shape, group};
    std::size_t most = 0;
    for (std::size_t t = 0; t < tokens.size(); ++t) most = std::max(most, walk.spans(t));
    const std::size_t each = Partials::floats(most, group, shape.value_dim);
    const std::size_t workers = run.executor.workers();

    if (tokens.size() * shape.heads < workers * kTokenTile && most > 1) {
        // Few heads, many keys: spans of one head run side by side, then each head is merged.
        auto at = [&](std::size_t item) { return Partials(partials + item * each, most, group, shape.value_dim); };
        parallel_for(run.executor, tokens.size() * shape.heads * most, [&](std::size_t i, std::size_t worker) {
            const std::size_t item = i / most, t = item / shape.heads, s = i % most;
            if (s < walk.spans(t)) walk.span(t, item % shape.heads, walk.first_span(t) + s, at(item), worker);
        });
        parallel_for(run.executor, tokens.size() * shape.heads,
                     [&](std::size_t item, std::size_t) { walk.merge(item / shape.heads, item % shape.heads, at(item)); });
        return;
    }
    const std::size_t tiles = (tokens.size() + kTokenTile - 1) / kTokenTile;
    parallel_for(run.executor, tiles * shape.heads, [&](std::size_t i, std::size_t worker) {
        const std::size_t head = i / tiles, first = i % tiles * kTokenTile;
        const std::size_t end = std::min(tokens.size(), first + kTokenTile);
        auto at = [&](std::size_t t) {
            return Partials(partials + (worker * kTokenTile + t - first) * each, most, group, shape.value_dim);
        };
        std::size_t begin_span = SIZE_MAX, last_span = 0;
        for (std::size_t t = first; t < end; ++t) {
            begin_span = std::min(begin_span, walk.first_span(t));
            last_span = std::max(last_span, walk.end_span(t));
        }
        for (std::size_t s = begin_span; s < last_span; ++s)
            for (std::size_t t = first; t < end; ++t)
                if (s >= walk.first_span(t) && s < walk.end_span(t)) walk.span(t, head, s, at(t), worker);
        for (std::size_t t = first; t < end; ++t) walk.merge(t, head, at(t));
    });
}

}  // namespace hearth
