// The indexer of sparse latent attention (DeepSeek-V3.2, 2025, section 2): a small key of every token, kept behind its
// latent in the cache, by which a query chooses the keys that its attention sees. The choice depends on the query and
// the keys before it alone; of equal scores the earlier key is taken.
#pragma once

#include <array>
#include <span>

#include "models/key_choice.hpp"

namespace hearth {

class LatentIndex {
public:
    // Of a layer whose cached keys are key_dim long and end with those of the indexer.
    LatentIndex(const LatentSpec& spec, std::size_t layer, const KvShape& kv);

    static constexpr std::size_t kTokens = 8;  // that choose at a time
    // Floats that run needs, and bytes of a worker's scratch.
    static std::size_t floats(const LatentSpec& spec, std::size_t key_dim, std::size_t positions);
    static std::size_t scratch(const LatentSpec& spec) { return KeyIndex::scratch(spec.index); }

    // For at most kTokens tokens, and their index queries [tokens, heads * dim] and weights [tokens, weight_stride]:
    // what attention should see in their place. Where a token sees no more keys than may be chosen it is itself.
    void run(const RunContext& run, std::span<const BatchToken> tokens, const float* queries, const float* weights,
             std::size_t weight_stride, float* memory, std::array<KvView, kTokens>& views,
             std::array<BatchToken, kTokens>& seen) const;

private:
    const IndexSpec& spec_;
    std::size_t layer_;
    KeyIndex index_;
    std::array<KvLayout, 3> layouts_;  // of chosen keys, by KvType
};

}  // namespace hearth
