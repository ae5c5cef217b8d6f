// Choosing keys of a cache by small keys that stand behind them, and putting keys side by side, as pages of their own
// have them (DeepSeek-V3.2, 2025, section 2).
#pragma once

#include <span>

#include "hearth/layers/attention.hpp"
#include "hearth/models/decoder_spec.hpp"

namespace hearth {

// The indexer of a layer of the cache. The choice depends on the query and the keys alone; of equal scores the earlier
// key is taken.
class KeyIndex {
public:
    // Keys of the layer have those of the indexer as their last channels, from `first` on.
    KeyIndex(const IndexSpec& spec, std::size_t layer, std::size_t first) : spec_(spec), layer_(layer), first_(first) {}

    static std::size_t scratch(const IndexSpec& spec);  // bytes of a worker

    // scores[j] = sum over heads, ascending, of weight * max(query . key j, 0), for those of the first `count` keys
    // that are in span `span`. queries: [heads, dim].
    void score(const RunContext& run, const KvView& kv, std::size_t count, const float* queries, const float* weights,
               std::size_t span, float* scores, std::byte* scratch) const;
    // The best of `count` keys, as many as may be chosen, ascending. room: [count].
    void choose(const float* scores, std::size_t count, float* room, std::uint32_t* chosen) const;

private:
    const IndexSpec& spec_;
    std::size_t layer_, first_;
};

// Rows of a layer of the cache: those of a list, or neighbours.
struct KeyRows {
    const std::uint32_t* list;  // null: first, first + 1 …
    std::size_t first, count;
    std::size_t operator[](std::size_t i) const { return list != nullptr ? list[i] : first + i; }
};

// Keys of a layer of the cache, or so many first channels of them as `to` has in its layer, to slots `slot` and on of
// `page`, as `to` has it.
void gather_keys(const KvView& kv, std::size_t layer, const KeyRows& rows, const KvLayout& to, std::size_t to_layer,
                 std::size_t slot, std::byte* page);

}  // namespace hearth
