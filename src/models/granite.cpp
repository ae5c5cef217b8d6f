// Granite 3.x and 4 dense: llama's block with four scalars; rope.scaling.finetuned = false means no rotation at all.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_granite(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(const bool rotates, h.flag("rope.scaling.finetuned", true));
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, rotates ? RopeKind::adjacent : RopeKind::none));
    HEARTH_ASSIGN(const double embedding, h.number("embedding_scale", 1));
    HEARTH_ASSIGN(const double residual, h.number("residual_scale", 1));
    HEARTH_ASSIGN(const double logit, h.number("logit_scale", 1));
    if (logit == 0) return Status(Code::malformed, cat("metadata key '", h.full("logit_scale"), "' is 0"));
    spec.embedding_scale = static_cast<float>(embedding);
    spec.residual_scale = static_cast<float>(residual);
    spec.logit_divisor = static_cast<float>(logit);
    HEARTH_TRY(optional_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
