// GLM 4.5 and 4.6: partial rotation, the first layers dense, then experts chosen by sigmoids plus a bias with a shared
// one beside them; layers that predict further tokens follow and are left alone.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_glm4moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    HEARTH_TRY(leave_predictors(h, spec));
    spec.ffn_norm = "post_attention_norm";
    if (tensors.exists("blk.0.attn_q_norm.weight") || tensors.exists("blk.0.attn_k_norm.weight"))
        spec.qk_norm = QkNorm::heads;
    MoeSpec moe;
    moe.gating = Gating::sigmoid;
    HEARTH_TRY(add_experts(h, spec, moe));
    HEARTH_TRY(shared_experts(h, spec.moe));
    HEARTH_TRY(leading_dense_layers(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
