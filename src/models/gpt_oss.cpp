// gpt-oss (20B, 120B): attention sinks, every other layer with a sliding window, YaRN, biases on everything, experts
// with a clamped activation whose weights are a softmax over the chosen.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_gpt_oss(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.sinks = true;
    spec.ffn_norm = "post_attention_norm";
    HEARTH_ASSIGN(const std::uint32_t window, h.count("attention.sliding_window", UINT32_MAX));
    for (std::size_t layer = 0; layer < spec.layers.size(); layer += 2) spec.layers[layer].window = window;
    MoeSpec moe;
    moe.gating = Gating::softmax_of_chosen;
    moe.glu = Glu::clamped_silu;
    HEARTH_TRY(add_experts(h, spec, moe));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
