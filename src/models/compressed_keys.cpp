#include "models/compressed_keys.hpp"

#include <algorithm>

#include "models/places.hpp"

namespace hearth {

namespace {

std::size_t spans_of(std::size_t keys) { return (keys + kSpan - 1) / kSpan; }

// What a query sees with so many tokens up to its own.
struct Sight {
    std::size_t rows;      // that there are
    std::size_t seen;      // of them
    std::size_t window;    // tokens
    std::size_t in_place;  // spans of rows that are read where they are: all are seen, and they hold nothing else

    Sight(const DecoderSpec& spec, const LayerSpec& layer, std::size_t tokens)
        : rows(tokens / layer.ratio),
          seen(layer.indexed ? std::min<std::size_t>(rows, spec.compressed.index.top) : rows),
          window(std::min(layer.window, tokens)),
          in_place(layer.indexed ? 0 : rows / kSpan) {}
    bool chooses() const { return seen < rows; }
    std::size_t keys() const { return seen + window; }
    std::size_t spans() const { return spans_of(keys()); }
};

// Where things stand in the memory of a run, in floats: for each token its scores, twice, the rows that it chose,
// pointers to pages, and pages. Nothing is smaller for more tokens.
struct Places {
    std::size_t scores, room, chosen, pointers, pages, page, token;
    // Sequences of a batch may have caches of several types: room for the largest, F32.
    Places(const DecoderSpec& spec, const LayerSpec& layer, std::size_t tokens) : page(kSpan * layer.key_dim) {
        const Sight sight(spec, layer, tokens);
        const std::size_t choice = sight.chooses() ? sight.rows : 0;
        // Behind spans in place stand less than a span of rows, and the window.
        const std::size_t own =
            layer.indexed ? sight.spans() : std::min(sight.spans(), spans_of(kSpan - 1 + sight.window));
        FloatPlaces p;
        scores = p.take(choice);
        room = p.take(choice);
        chosen = p.take(sight.chooses() ? sight.seen : 0);
        pointers = p.take(sight.spans() * sizeof(void*) / sizeof(float));
        pages = p.take(own * page);
        token = p.end();
    }
};

}  // namespace

CompressedKeys::CompressedKeys(const DecoderSpec& spec, std::size_t layer)
    : spec_(spec),
      layer_(spec.layers[layer]),
      index_(layer),
      rows_(spec.layers.size() + layer),
      choice_(spec.compressed.index, rows_, layer_.key_dim) {
    const KvShape shape{1, layer_.key_dim, layer_.value_dim, 0, true};
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8_0})
        layouts_[static_cast<std::size_t>(type)] = KvLayout::make(type, std::span(&shape, 1));
}

std::size_t CompressedKeys::most(const DecoderSpec& spec, const LayerSpec& layer, std::size_t positions) {
    return Sight(spec, layer, positions).keys();
}

std::size_t CompressedKeys::floats(const DecoderSpec& spec, const LayerSpec& layer, std::size_t positions) {
    return kTokens * Places(spec, layer, positions).token;
}

std::size_t CompressedKeys::scratch(const DecoderSpec& spec, const LayerSpec& layer) {
    return layer.indexed ? KeyIndex::scratch(spec.compressed.index) : 0;
}

void CompressedKeys::run(const RunContext& run, std::span<const BatchToken> tokens, const float* queries,
                         const float* weights, float* memory, std::array<KvView, kTokens>& views,
                         std::array<BatchToken, kTokens>& seen) const {
    const std::size_t count = tokens.size(), heads = spec_.compressed.index.heads,
                      width = heads * spec_.compressed.index.dim;
    const auto sight = [&](std::size_t t) { return Sight(spec_, layer_, tokens[t].position + 1); };
    std::size_t deepest = 0, spans = 0, row_spans = 0;
    for (std::size_t t = 0; t < count; ++t) {
        const Sight s = sight(t);
        deepest = std::max(deepest, tokens[t].position + 1);
        spans = std::max(spans, s.spans() - s.in_place);
        if (s.chooses()) row_spans = std::max(row_spans, spans_of(s.rows));
    }
    const Places at(spec_, layer_, deepest);
    const auto scores = [&](std::size_t t) { return memory + t * at.token + at.scores; };
    const auto chosen = [&](std::size_t t) {
        return reinterpret_cast<std::uint32_t*>(memory + t * at.token + at.chosen);
    };
    const auto layout = [&](std::size_t t) -> const KvLayout& {
        return layouts_[static_cast<std::size_t>(tokens[t].kv->layout->type)];
    };

    if (row_spans != 0) {
        parallel_for(run.executor, row_spans * count, [&](std::size_t i, std::size_t worker) {
            const std::size_t t = i % count, span = i / count;
            const Sight s = sight(t);
            if (s.chooses() && span < spans_of(s.rows))
                choice_.score(run, *tokens[t].kv, s.rows, queries + t * width, weights + t * heads, span, scores(t),
                              run.worker_scratch(worker));
        });
        parallel_for(run.executor, count, [&](std::size_t t, std::size_t) {
            if (const Sight s = sight(t); s.chooses())
                choice_.choose(scores(t), s.rows, memory + t * at.token + at.room, chosen(t));
        });
    }
    for (std::size_t t = 0; t < count; ++t) {
        const Sight s = sight(t);
        const KvView& kv = *tokens[t].kv;
        auto* const pointers = reinterpret_cast<std::byte**>(memory + t * at.token + at.pointers);
        for (std::size_t span = 0; span < s.spans(); ++span)
            pointers[span] =
                span < s.in_place
                    ? kv.page(rows_, span) + kv.layout->keys_offset(rows_, 0)
                    : reinterpret_cast<std::byte*>(memory + t * at.token + at.pages + (span - s.in_place) * at.page);
        views[t] = {};
        views[t].layout = &layout(t);
        views[t].pages = pointers;
        seen[t] = {&views[t], s.keys() - 1};
    }
    parallel_for(run.executor, spans * count, [&](std::size_t i, std::size_t) {
        const std::size_t t = i % count;
        const Sight s = sight(t);
        const std::size_t span = s.in_place + i / count, first = span * kSpan, end = std::min(first + kSpan, s.keys());
        if (first >= end) return;
        std::byte* const page = views[t].page(0, span);
        const std::size_t rows_end = std::clamp(s.seen, first, end);
        if (rows_end > first)
            gather_keys(*tokens[t].kv, rows_, {s.chooses() ? chosen(t) + first : nullptr, first, rows_end - first},
                        layout(t), 0, 0, page);
        // Of the window, the last `keys - i` tokens follow key i.
        if (end > rows_end)
            gather_keys(*tokens[t].kv, index_,
                        {nullptr, tokens[t].position + 1 - (s.keys() - rows_end), end - rows_end}, layout(t), 0,
                        rows_end - first, page);
    });
}

}  // namespace hearth
