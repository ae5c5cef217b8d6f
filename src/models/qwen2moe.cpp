// Qwen 1.5 MoE and Qwen 2 57B-A14B: Qwen 2's attention; weights of the chosen experts as they are, and a shared expert
// that has a gate of its own.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen2moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    MoeSpec moe;
    moe.shared_gated = true;
    HEARTH_TRY(add_experts(h, spec, moe));
    if (spec.moe.shared_feed_forward == 0)
        return Status(Code::malformed,
                      cat("metadata key '", h.full("expert_shared_feed_forward_length"), "' is missing"));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
