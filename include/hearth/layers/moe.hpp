// Mixture of experts (Shazeer et al., "Outrageously Large Neural Networks", 2017): a router picks some of many gated
// feed-forward networks for each token. Tokens are grouped by expert, so that each expert is one product for all its
// tokens; one pool of work runs over experts x rows, for one token as for many.
//
// A token's output is a chain of fma over its experts in ascending id, starting at 0, the shared expert last: the tokens
// beside it, the workers and the way a prompt is cut cannot be seen in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/layers/glu.hpp"
#include "hearth/layers/linear.hpp"

namespace hearth {

// How router logits become weights of experts.
enum class Gating : int {
    softmax,            // over all experts
    sigmoid,            // of each
    softmax_of_chosen,  // over those that were picked
    root_of_softplus,   // of each
    // One after the other is picked, each with its share of a softmax over what is left and scores nearly as high: within
    // kSparseMixerNoise * 2 of it, by the larger of both magnitudes (SparseMixer; Liu et al., "GRIN: GRadient-INformed
    // MoE", 2024, as Phi 3.5 MoE infers). Knows no bias, groups or normalisation.
    sparse_mixer,
};
inline constexpr float kSparseMixerNoise = 0.01F;

inline constexpr std::uint32_t kMaxExpertGroups = 64;
inline constexpr float kLeastWeightSum = 0x1p-14F;  // that normalised weights are divided by

struct MoeSpec {
    std::uint32_t experts = 0;              // 0: the model has none
    std::uint32_t used = 0;                 // for each token
    std::uint32_t feed_forward = 0;         // width of an expert
    std::uint32_t shared_feed_forward = 0;  // width of the expert that every token passes; 0: none
    bool shared_gated = false;              // its weight is a sigmoid of its own router; else 1
    Gating gating = Gating::softmax;
    bool normalize = false;  // weights are divided by their sum, or kLeastWeightSum where that is larger
    float scale = 1;         // of the weights, after that
    bool weigh_inputs = false;  // weights are factors of the experts' inputs, not of their outputs
    // Experts in groups of equal size (at most kMaxExpertGroups); only those of the `groups_used` best can be picked. A group is as good as the sum
    // of its two best scores (DeepSeek-V3 report, 2024, section 2.1.2).
    std::uint32_t groups = 1, groups_used = 1;
    bool groups_by_best = false;  // a group is as good as its best score alone (DeepSeek-V2, 2024, section 2.2.2)
    Glu glu = Glu::silu;
};

struct MoeWeights {
    Linear router;                          // {k, experts}
    std::vector<float> selection_bias;      // [experts], of the scores that pick but not of the weights; or empty
    // {k, feed_forward, experts} and {feed_forward, k, experts}; without up, and with a Glu that allows it, no expert is gated
    Linear gate, up, down;
    Linear gate_up;                         // instead of gate and up: matrix 2e is the gate of expert e, 2e + 1 its up
    Linear shared_gate, shared_up, shared_down;
    Linear shared_router;                   // {k, 1} with shared_gated
    std::vector<std::uint16_t> by_token;    // [vocabulary, used]: the experts of a token by its id, or empty
    float limit = 0, shared_limit = 0;      // of what enters the gated units (apply_glu)
};

// The experts of one token, ascending, and their weights. Scores are logits where what is made of each has neither bias nor
// groups, else probabilities (+ bias). The highest are picked, of equal ones those of lower id; NaN is below every number. A NaN
// among the logits that weights depend on makes the weights NaN.
// logits: [2 * experts], of which the first half is read; ids, weights: [used].
void route(const MoeSpec& spec, std::span<const float> selection_bias, const KernelTable& kernels, float* logits,
           std::uint32_t* ids, float* weights);
// The weights of experts that are known. Not for Gating::sparse_mixer.
void weigh(const MoeSpec& spec, const KernelTable& kernels, float* logits, const std::uint32_t* ids, float* weights);

// Forms in which buffers must hold activations, over all layers of a model.
struct MoeForms {
    std::array<bool, 3> gathered{};  // by Activation
    ActivationNeeds activated;
};

// Memory of a pass, for any of the model's layers.
class MoeWorkspace {
public:
    static std::uint64_t bytes(const MoeSpec& spec, const MoeForms& forms, std::size_t tokens);
    static Result<MoeWorkspace> make(const std::shared_ptr<Memory>& memory, const MoeSpec& spec, const MoeForms& forms,
                                     std::size_t tokens, std::size_t workers);

private:
    friend class MoeRun;
    MoeForms forms_;
    std::size_t tokens_ = 0;
    Buffer memory_;
    Tally activated_rows_;  // of each block of an expert's values
    Tally token_blocks_;    // of the router's product
    Tally output_rows_;
};

// Scratch bytes of a worker beside those that the products of its weights need.
std::size_t moe_scratch_bytes(const MoeForms& forms, std::size_t k);

// Where sums go: y, and where stream is not null also stream += scale * y.
struct MoeOutput {
    float* y;  // [tokens, k]
    float* stream = nullptr;
    float scale = 1;
};

// y[t] = sum of weight * down(glu(gate x[t], up x[t])) over the experts of token t.
// input: in every form that router, gate, up and their shared kin want; output.y may be input.f32. Three phases. Who
// completes the output of tokens [first, end) calls then(first, end, worker): once for each token, in the last phase.
// token_ids: [tokens], asked where they choose the experts.
void moe_feed_forward(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
                      const LinearInput& input, const MoeOutput& output, ChunkBody then,
                      std::span<const std::int32_t> token_ids = {});
// Its two parts, for routers that see another input than experts: every token's experts, and what they make of it.
void moe_choose(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
                const LinearInput& input, std::span<const std::int32_t> token_ids = {});
void moe_apply(const RunContext& run, const MoeSpec& spec, const MoeWeights& weights, MoeWorkspace& workspace,
               const LinearInput& input, const MoeOutput& output, ChunkBody then);

}  // namespace hearth
