// Phi 3.5 MoE: Phi 3's rotation with separate projections, biases everywhere, norms of the stream with biases. Norm and
// routing are those of the models' GGUF conversions (RMS norm, the two best of a softmax), from which the original
// implementation differs.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_phimoe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.norm_bias = true;
    MoeSpec moe;
    moe.normalize = true;
    HEARTH_TRY(add_experts(h, spec, moe));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
