// Phi 3.5 MoE: Phi 3's rotation with separate projections, biases everywhere, LayerNorm, and experts picked by a
// SparseMixer. The files say neither of the last two; they follow the original implementation, from which other engines
// differ (RMS norm with a bias, the two best of a softmax).
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_phimoe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.layer_norm = true;
    HEARTH_TRY(add_experts(h, spec, {}));
    spec.moe.gating = Gating::sparse_mixer;
    spec.moe.normalize = false;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
