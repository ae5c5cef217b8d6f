// Attention over a paged key-value cache. A page holds kSpan rows and is one attention span.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hearth/layers/context.hpp"

namespace hearth {

// q8_0: int8 codes, each row (a head's key or value of one token) under one float scale by the rule of quantize_q8_row.
enum class KvType : int { f16, f32, q8_0 };

// Which keys a query sees, up to its own: the last `window` of them, and from the last multiple of `chunk` on; 0: no such
// bound.
struct Reach {
    std::size_t window = 0, chunk = 0;

    bool all() const { return window == 0 && chunk == 0; }
    // The first key that a query at `position` sees; no lower for later positions.
    std::size_t first(std::size_t position) const {
        const std::size_t in_window = window != 0 && position + 1 > window ? position + 1 - window : 0;
        return std::max(in_window, chunk != 0 ? position / chunk * chunk : 0);
    }
    // What two readers of the same keys see together, at most.
    Reach operator|(const Reach& o) const {
        return {window != 0 && o.window != 0 ? std::max(window, o.window) : 0, chunk == o.chunk ? chunk : 0};
    }
    friend bool operator==(const Reach&, const Reach&) = default;
};

struct KvShape {  // of one layer
    std::uint32_t heads = 0, key_dim = 0, value_dim = 0;
    std::size_t state_floats = 0;  // of recurrent state, which does not grow with the tokens; 0: none
    bool values_in_keys = false;   // a value is the first value_dim <= key_dim channels of its key and is not stored
    Reach reach = {};              // of the queries that read its keys
    std::size_t every = 1;         // a row stands for so many tokens; of several, queries see all
};

// Where a page keeps what: for each layer and head, keys [kSpan / 16][key_dim][16] and values [kSpan][value_dim]; q8_0
// keys [kSpan / 16][key_units(key_dim)][16][4]. Behind them, in q8_0, stand the scales [kSpan] of each. What has no
// values takes no room for them.
// Layers with the same reach, and rows of as many tokens, form a group with pages of its own, so that those which no
// query sees any more can go.
// Recurrent states are not paged: those of all layers stand in one block, each aligned to 64 bytes.
struct KvLayout {
    struct Group {
        Reach reach;
        std::size_t page_bytes = 0;
        std::size_t every = 1;
        std::size_t span() const { return kSpan * every; }  // tokens of a page
        std::size_t pages(std::size_t tokens) const { return (tokens + span() - 1) / span(); }
    };
    struct Layer {
        KvShape shape;
        std::size_t group;                     // whose pages have its keys and values
        std::size_t keys, values;              // byte offsets in a page
        std::size_t key_bytes, value_bytes;    // of a head
        std::size_t key_scales, value_scales;  // byte offsets in them
        std::size_t state;                     // byte offset in the block of states
    };
    KvType type = KvType::f16;
    std::vector<Layer> layers;
    std::vector<Group> groups;
    std::size_t page_bytes = 0;   // of all groups together
    std::size_t state_bytes = 0;  // of the block of states; 0: no layer has any

    static KvLayout make(KvType type, std::span<const KvShape> shapes);
    // All layers in the same place of a page: for sequences that one pass takes whole, whose layers read nothing but what
    // they have just written.
    void overlay_layers();
    std::size_t keys_offset(std::size_t layer, std::size_t head) const {
        const Layer& l = layers[layer];
        return l.keys + head * l.key_bytes;
    }
    std::size_t values_offset(std::size_t layer, std::size_t head) const {
        const Layer& l = layers[layer];
        return l.values + head * l.value_bytes;
    }
};

// One sequence's cache as layers see it. Pages of positions that are written are not shared with others; those before
// what the queries of a group's layers see may be gone: null.
struct KvView {
    const KvLayout* layout = nullptr;
    std::byte* const* pages = nullptr;  // [groups, stride], of which each group has ceil(tokens / its span)
    // [layers], null where a layer has none: its state after the tokens before the batch's, zero before the first. The pass
    // updates it in place, token after token; it is not shared with others. Null where no layer has any.
    float* const* states = nullptr;
    std::size_t first = 0;   // position of the first token that there is
    std::size_t stride = 0;  // of pages

    std::byte* page(std::size_t layer, std::size_t index) const {
        return pages[layout->layers[layer].group * stride + index];
    }
};

// A token of a batch: which sequence's cache, and where in it.
struct BatchToken {
    const KvView* kv;
    std::size_t position;
    // Positions [first, end) are its sequence's, where it sees both ways: several may share a cache.
    std::size_t first = 0, end = 0;
};

// Stores the key [key_dim] or the value [value_dim] of one token and one head of the cache in its sequence's page. Where
// rows stand for several tokens, `position` counts rows.
void kv_store_key(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* key,
                  const KernelTable& kernels);
void kv_store_value(const KvView& kv, std::size_t layer, std::size_t head, std::size_t position, const float* value,
                    const KernelTable& kernels);

// The first `tokens` <= kSpan tokens of a page of a group, or rows for several each, without the room behind them: of each
// layer and head the keys in blocks of 16 tokens, of which those that are not there are zeros, the values and the scales.
std::size_t kv_packed_bytes(const KvLayout& layout, std::size_t group, std::size_t tokens);
void kv_pack(const KvLayout& layout, std::size_t group, const std::byte* page, std::size_t tokens, std::byte* to);
void kv_unpack(const KvLayout& layout, std::size_t group, const std::byte* from, std::size_t tokens, std::byte* page);

struct AttentionSpec {
    std::uint32_t heads = 0;  // query heads; a multiple of the cache's heads
    float scale = 1;
    float softcap = 0;            // 0: none
    std::size_t window = 0;       // keys that a query sees, itself included; 0: all
    const float* sinks = nullptr;  // [heads] or null
    std::size_t chunk = 0;         // a query sees keys from the last multiple of it on; 0: from the first
    std::size_t head_stride = 0;   // floats between the query heads of a token; 0: key_dim
    // A query sees the keys behind it as well, up to the token's end; the window then reaches half of itself (rounded
    // down) to either side.
    bool both_ways = false;
    const float* slopes = nullptr;  // [heads] that scores fall by with the distance, or null
};

// y[t] = attention of q[t] over the keys that it sees, by default those up to its own position, in absolute spans merged
// in ascending order: neither the batch nor the split over workers can be seen in the result.
// q: [tokens, q_stride] as heads x key_dim, or head_stride; y: [tokens, heads * value_dim].
// memory: room for attention_partials(...) floats.
// Who completes all heads of tokens [first, end) calls then(first, end, worker): once for each token, in the same phase.
void attention(const RunContext& run, const AttentionSpec& spec, std::size_t layer, std::span<const BatchToken> tokens,
               const float* q, std::size_t q_stride, float* y, float* memory, ChunkBody then);

// Floats that attention needs for so many tokens up to `positions` deep; group: query heads for each head of the cache.
// Many heads of a group are taken in parts, so that what a part makes of a span stays in the cache until it is merged.
std::size_t attention_partials(std::size_t workers, std::size_t tokens, std::size_t group, std::size_t value_dim,
                               std::size_t positions);
// Scratch bytes per worker.
std::size_t attention_scratch(std::size_t key_dim);

}  // namespace hearth
