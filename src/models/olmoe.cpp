// OLMoE: one norm over all query heads and one over all key heads; weights of the chosen experts as they are.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_olmoe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.qk_norm = QkNorm::projection;
    HEARTH_TRY(add_experts(h, spec, {}));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
