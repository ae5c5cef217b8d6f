// Qwen 3 with experts (30B-A3B, 235B-A22B, Coder): softmax over all, weights of the chosen renormalised.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen3moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.qk_norm = QkNorm::heads;
    MoeSpec moe;
    moe.normalize = true;
    HEARTH_TRY(add_experts(h, spec, moe));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
