// What the queries of compressed attention see, side by side: rows that stand for several tokens, all or those that an
// indexer chooses, then the keys of the tokens in the window. What a query sees, and in which spans, depends on its
// position and on the keys alone.
#pragma once

#include <array>
#include <span>

#include "models/key_choice.hpp"

namespace hearth {

class CompressedKeys {
public:
    // Of a layer with such rows.
    CompressedKeys(const DecoderSpec& spec, std::size_t layer);

    static constexpr std::size_t kTokens = 8;  // taken at a time
    // Keys that a query sees at most, floats that run needs, and bytes of a worker's scratch.
    static std::size_t most(const DecoderSpec& spec, const LayerSpec& layer, std::size_t positions);
    static std::size_t floats(const DecoderSpec& spec, const LayerSpec& layer, std::size_t positions);
    static std::size_t scratch(const DecoderSpec& spec, const LayerSpec& layer);

    // For at most kTokens tokens, and the indexer's queries [tokens, heads * dim] and weights [tokens, heads] where
    // there is one: caches of a single layer that attention sees in their place, and the token's place in them.
    void run(const RunContext& run, std::span<const BatchToken> tokens, const float* queries, const float* weights,
             float* memory, std::array<KvView, kTokens>& views, std::array<BatchToken, kTokens>& seen) const;

private:
    const DecoderSpec& spec_;
    const LayerSpec& layer_;
    std::size_t index_, rows_;  // of the layer in the cache: its tokens' keys, its rows
    KeyIndex choice_;
    std::array<KvLayout, 3> layouts_;  // by KvType
};

}  // namespace hearth
