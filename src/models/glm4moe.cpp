// GLM 4.5 and 4.6: partial rotation, the first layers dense, then experts chosen by sigmoids plus a bias with a shared
// one beside them; layers that predict further tokens follow and are left alone.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_glm4moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    HEARTH_ASSIGN(const auto predictors, h.metadata().get_uint(h.full("nextn_predict_layers")));
    if (predictors.value_or(0) >= spec.layers)
        return Status(Code::malformed,
                      cat("metadata key '", h.full("nextn_predict_layers"), "' is ", *predictors,
                          ", expected less than '", h.full("block_count"), "', which is ", spec.layers));
    spec.extra_layers = static_cast<std::uint32_t>(predictors.value_or(0));
    spec.layers -= spec.extra_layers;
    spec.ffn_norm = "post_attention_norm";
    if (tensors.exists("blk.0.attn_q_norm.weight") || tensors.exists("blk.0.attn_k_norm.weight"))
        spec.qk_norm = QkNorm::heads;
    MoeSpec moe;
    moe.gating = Gating::sigmoid;
    HEARTH_ASSIGN(spec.moe, base_moe_spec(h, spec, moe));
    HEARTH_TRY(shared_experts(h, spec.moe));
    HEARTH_TRY(leading_dense_layers(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
