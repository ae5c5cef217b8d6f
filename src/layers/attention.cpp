#include "hearth/layers/attention.hpp"

#include <algorithm>
#include <atomic>
#include <new>

#include "hearth/base/half.hpp"

namespace hearth {

namespace {

// Queries that share one pass over a span while it is in cache: a multiple of what a kernel takes at a time.
constexpr std::size_t kRowTile = 2 * kAttentionRows, kSharedRowTile = 2 * kAttentionLanes;
constexpr std::size_t kTokenTile = 12;  // tokens that share it, at most
constexpr std::size_t kMostItems = 12;  // of a worker that keep their partials, and
constexpr std::size_t kMostRows = 128;  // queries of them

// The query heads of a group in parts of equal size, but for the last.
struct GroupParts {
    std::size_t count, size;
    explicit GroupParts(std::size_t group)
        : count((group + kSharedRowTile - 1) / kSharedRowTile), size((group + count - 1) / count) {}
};
std::size_t token_tile(bool values_in_keys, std::size_t part) {
    return std::clamp<std::size_t>((values_in_keys ? kSharedRowTile : kRowTile) / part, 1, kTokenTile);
}
// Items of a worker, at most, where the spans of an item run side by side.
std::size_t items_of_worker(std::size_t part) { return std::clamp<std::size_t>(kMostRows / part, 2, kMostItems); }

std::size_t round64(std::size_t n) { return (n + 63) / 64 * 64; }

// How many spans of an item, or heads of a tile, have been computed.
using Ended = std::atomic<std::uint32_t>;
std::size_t ended_floats(std::size_t count) { return round64(count * sizeof(Ended) / sizeof(float)); }
Ended* make_ended(float* memory, std::size_t count) {
    auto* const ended = reinterpret_cast<Ended*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (ended + i) Ended(0);
    return ended;
}
// True for the last of `all`. Releases what the caller wrote; acquires what the others did.
bool is_last(Ended& ended, std::size_t all) { return ended.fetch_add(1, std::memory_order_acq_rel) + 1 == all; }

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
    GroupParts parts;

    // Items of a token: a part of the query heads of a head of the cache.
    std::size_t items() const { return shape.heads * parts.count; }
    std::size_t first_head(std::size_t item) const {
        return item / parts.count * group + item % parts.count * parts.size;
    }
    std::size_t heads(std::size_t item) const { return std::min(parts.size, group - item % parts.count * parts.size); }

    std::size_t head_stride() const { return spec.head_stride != 0 ? spec.head_stride : shape.key_dim; }
    // First and one past the last key position of token t.
    std::size_t first_key(std::size_t t) const {
        const std::size_t p = tokens[t].position;
        if (!spec.both_ways) return std::max(Reach{spec.window, spec.chunk}.first(p), tokens[t].kv->first);
        return spec.window != 0 ? std::max(tokens[t].first, p - std::min(p, spec.window / 2)) : tokens[t].first;
    }
    std::size_t end_key(std::size_t t) const {
        const std::size_t p = tokens[t].position;
        if (!spec.both_ways) return p + 1;
        return spec.window != 0 ? std::min(tokens[t].end, p + spec.window / 2 + 1) : tokens[t].end;
    }
    std::size_t first_span(std::size_t t) const { return first_key(t) / kSpan; }
    std::size_t end_span(std::size_t t) const { return (end_key(t) - 1) / kSpan + 1; }
    std::size_t spans(std::size_t t) const { return end_span(t) - first_span(t); }

    AttentionSpanFn kernel(KvType type) const {
        return type == KvType::f16   ? run.kernels.attention_span_f16
               : type == KvType::f32 ? run.kernels.attention_span_f32
                                     : run.kernels.attention_span_q8_0;
    }

    // Tokens [begin, end) over span s, as far as they see keys of it; at(t): the partials of token t.
    template <class At>
    void span(std::size_t begin, std::size_t end, std::size_t item, std::size_t s, const At& at,
              std::size_t worker) const {
        AttentionQueries queries[kTokenTile];
        const std::size_t head = item / parts.count;
        std::size_t count = 0;
        for (std::size_t t = begin; t < end; ++t) {
            if (s >= first_span(t) && s < end_span(t)) {
                const Partials p = at(t);
                const std::size_t i = s - first_span(t);
                queries[count++] = {q + t * q_stride + first_head(item) * head_stride(),
                                    p.out + i * parts.size * shape.value_dim,
                                    p.max + i * parts.size,
                                    p.sum + i * parts.size,
                                    std::max(first_key(t), s * kSpan) - s * kSpan,
                                    std::min(end_key(t), (s + 1) * kSpan) - s * kSpan,
                                    static_cast<std::ptrdiff_t>(tokens[t].position) -
                                        static_cast<std::ptrdiff_t>(s * kSpan)};
            }
            const bool same_cache = t + 1 < end && tokens[t + 1].kv->pages == tokens[t].kv->pages;
            if (count == 0 || same_cache) continue;
            const KvView& kv = *tokens[t].kv;
            const std::byte* page = kv.page(layer, s);
            AttentionSpanArgs a{};
            a.tokens = queries;
            a.count = count;
            a.heads = heads(item);
            a.q_stride = head_stride();
            a.out_stride = shape.value_dim;
            a.keys = page + kv.layout->keys_offset(layer, head);
            a.values = shape.values_in_keys ? nullptr : page + kv.layout->values_offset(layer, head);
            a.key_dim = shape.key_dim;
            a.value_dim = shape.value_dim;
            a.scale = spec.scale;
            a.softcap = spec.softcap;
            a.scratch = reinterpret_cast<float*>(run.worker_scratch(worker));
            if (spec.slopes != nullptr) a.slopes = spec.slopes + head * group;
            if (kv.layout->type == KvType::q8_0) {
                const KvLayout::Layer& l = kv.layout->layers[layer];
                a.key_scales = reinterpret_cast<const float*>(static_cast<const std::byte*>(a.keys) + l.key_scales);
                if (a.values != nullptr)
                    a.value_scales =
                        reinterpret_cast<const float*>(static_cast<const std::byte*>(a.values) + l.value_scales);
            }
            kernel(kv.layout->type)(a);
            count = 0;
        }
    }

    void merge(std::size_t t, std::size_t item, const Partials& p) const {
        for (std::size_t g = 0; g < heads(item); ++g) {
            const std::size_t h = first_head(item) + g;
            AttentionMergeArgs a{};
            a.out = p.out + g * shape.value_dim;
            a.out_stride = parts.size * shape.value_dim;
            a.max = p.max + g;
            a.sum = p.sum + g;
            a.stat_stride = parts.size;
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
    const bool coded = type == KvType::q8_0;
    const std::size_t element = coded ? 1 : type == KvType::f16 ? 2 : 4, scales = coded ? kSpan * sizeof(float) : 0;
    for (const KvShape& s : shapes) {
        Layer l{};
        l.shape = s;
        if (s.heads != 0) {
            const auto is_own = [&](const Group& g) { return g.reach == s.reach && g.every == s.every; };
            l.group = static_cast<std::size_t>(std::ranges::find_if(layout.groups, is_own) - layout.groups.begin());
            if (l.group == layout.groups.size()) layout.groups.push_back({s.reach, 0, s.every});
        }
        l.key_scales = kSpan * (coded ? 4 * key_units(s.key_dim) : s.key_dim) * element;
        l.key_bytes = l.key_scales + scales;
        if (s.value_dim != 0 && !s.values_in_keys) {
            l.value_scales = kSpan * s.value_dim * element;
            l.value_bytes = l.value_scales + scales;
        }
        if (s.heads != 0) {
            std::size_t& page = layout.groups[l.group].page_bytes;
            l.keys = page;
            l.values = l.keys + round64(s.heads * l.key_bytes);
            page = l.values + round64(s.heads * l.value_bytes);
        }
        l.state = layout.state_bytes;
        layout.state_bytes += round64(s.state_floats * sizeof(float));
        layout.layers.push_back(l);
    }
    for (const Group& g : layout.groups) layout.page_bytes += g.page_bytes;
    return layout;
}

void KvLayout::overlay_layers() {
    for (Group& g : groups) g.page_bytes = 0;
    for (Layer& l : layers) {
        if (l.shape.heads == 0) continue;
        l.values -= l.keys;
        l.keys = 0;
        Group& g = groups[l.group];
        g.page_bytes = std::max(g.page_bytes, l.values + round64(l.shape.heads * l.value_bytes));
    }
    page_bytes = 0;
    for (const Group& g : groups) page_bytes += g.page_bytes;
}

void kv_store_key(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* key,
                  const KernelTable& kernels) {
    const KvLayout::Layer& l = kv.layout->layers[layer];
    const std::size_t dim = l.shape.key_dim, slot = position % kSpan, block = slot / kLanes, lane = slot % kLanes;
    std::byte* const keys = kv.page(layer, position / kSpan) + kv.layout->keys_offset(layer, head);
    switch (kv.layout->type) {
        case KvType::f16: {
            auto* const to = reinterpret_cast<f16*>(keys) + block * dim * kLanes + lane;
            f16 halves[64];
            for (std::size_t c = 0; c < dim; c += std::size(halves)) {
                const std::size_t n = std::min(std::size(halves), dim - c);
                kernels.to_f16(key + c, n, halves);
                for (std::size_t i = 0; i < n; ++i) to[(c + i) * kLanes] = halves[i];
            }
            return;
        }
        case KvType::f32: {
            auto* const to = reinterpret_cast<float*>(keys) + block * dim * kLanes + lane;
            for (std::size_t c = 0; c < dim; ++c) to[c * kLanes] = key[c];
            return;
        }
        case KvType::q8_0: {
            auto* const to = reinterpret_cast<std::uint8_t*>(keys) + (block * key_units(dim) * kLanes + lane) * 4;
            reinterpret_cast<float*>(keys + l.key_scales)[slot] = kernels.quantize_q8_row(key, dim, 128, 4 * kLanes, to);
            return;
        }
    }
}

void kv_store_value(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* value,
                    const KernelTable& kernels) {
    const KvLayout::Layer& l = kv.layout->layers[layer];
    const std::size_t dim = l.shape.value_dim, slot = position % kSpan;
    std::byte* const values = kv.page(layer, position / kSpan) + kv.layout->values_offset(layer, head);
    switch (kv.layout->type) {
        case KvType::f16:
            kernels.to_f16(value, dim, reinterpret_cast<f16*>(values) + slot * dim);
            return;
        case KvType::f32:
            std::copy_n(value, dim, reinterpret_cast<float*>(values) + slot * dim);
            return;
        case KvType::q8_0:
            reinterpret_cast<float*>(values + l.value_scales)[slot] =
                kernels.quantize_q8_row(value, dim, 0, 4, reinterpret_cast<std::uint8_t*>(values) + slot * dim);
            return;
    }
}

std::size_t attention_partials(std::size_t workers, std::size_t tokens, std::size_t group, std::size_t value_dim,
                               std::size_t positions) {
    // A tile of tokens for each worker; the other walk has at most so many items.
    const GroupParts parts(group);
    const std::size_t items = items_of_worker(parts.size),
                      tile = std::max(token_tile(false, parts.size), token_tile(true, parts.size));
    return ended_floats(tokens) + ended_floats(workers * items) +
           workers * std::max(items, tile) * Partials::floats((positions + kSpan - 1) / kSpan, parts.size, value_dim);
}

std::size_t attention_scratch(std::size_t key_dim) { return attention_span_scratch(key_dim) * sizeof(float); }

void attention(const RunContext& run, const AttentionSpec& spec, std::size_t layer, std::span<const BatchToken> tokens,
               const float* q, std::size_t q_stride, float* y, float* memory, ChunkBody then) {
    if (tokens.empty()) return;
    const KvShape shape = tokens[0].kv->layout->layers[layer].shape;
    const std::size_t group = spec.heads / shape.heads;
    const Walk walk{run, spec, layer, tokens, q, q_stride, y, shape, group, GroupParts(group)};
    const std::size_t heads = walk.items(), part = walk.parts.size;
    std::size_t most = 0;
    for (std::size_t t = 0; t < tokens.size(); ++t) most = std::max(most, walk.spans(t));
    const std::size_t each = Partials::floats(most, part, shape.value_dim);
    const std::size_t workers = run.executor.workers();
    const std::size_t tile = token_tile(shape.values_in_keys, part);
    const std::size_t tiles = (tokens.size() + tile - 1) / tile;
    Ended* const heads_ended = make_ended(memory, tiles);
    float* const partials = memory + ended_floats(tokens.size());
    const auto end_of = [&](std::size_t first) { return std::min(tokens.size(), first + tile); };
    // Spans that any token of a tile sees.
    const auto begin_span = [&](std::size_t first) {
        std::size_t s = SIZE_MAX;
        for (std::size_t t = first; t < end_of(first); ++t) s = std::min(s, walk.first_span(t));
        return s;
    };
    const auto end_span = [&](std::size_t first) {
        std::size_t s = 0;
        for (std::size_t t = first; t < end_of(first); ++t) s = std::max(s, walk.end_span(t));
        return s;
    };

    const auto merge = [&](std::size_t first, std::size_t head, const auto& at, std::size_t worker) {
        const std::size_t end = end_of(first);
        for (std::size_t t = first; t < end; ++t) walk.merge(t, head, at(t));
        if (is_last(heads_ended[first / tile], heads)) then(first, end, worker);
    };

    if (tokens.size() * heads <= workers * items_of_worker(part) && most > 1) {
        // Few heads, many keys: the spans of a tile run side by side, and who ends the last of them merges.
        const std::size_t items = tiles * heads;
        std::size_t spans = 0;
        for (std::size_t first = 0; first < tokens.size(); first += tile)
            spans = std::max(spans, end_span(first) - begin_span(first));
        Ended* const spans_ended = make_ended(partials, items);
        float* const base = partials + ended_floats(items);
        parallel_for(run.executor, items * spans, [&](std::size_t i, std::size_t worker) {
            const std::size_t item = i % items, head = item % heads, first = item / heads * tile, end = end_of(first);
            const auto at = [&](std::size_t t) {
                return Partials(base + (t * heads + head) * each, most, part, shape.value_dim);
            };
            const std::size_t s = begin_span(first) + i / items;
            if (s < end_span(first)) walk.span(first, end, head, s, at, worker);
            if (is_last(spans_ended[item], spans)) merge(first, head, at, worker);
        });
        return;
    }
    parallel_for(run.executor, tiles * heads, [&](std::size_t i, std::size_t worker) {
        const std::size_t head = i / tiles, first = i % tiles * tile, end = end_of(first);
        const auto at = [&](std::size_t t) {
            return Partials(partials + (worker * tile + t - first) * each, most, part, shape.value_dim);
        };
        for (std::size_t s = begin_span(first); s < end_span(first); ++s) walk.span(first, end, head, s, at, worker);
        merge(first, head, at, worker);
    });
}

}  // namespace hearth
