// LFM2 with experts (8B-A1B): after the first layers experts chosen by biased sigmoids, weights renormalised.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_lfm2moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_lfm2_spec(h, tensors));
    MoeSpec moe;
    moe.gating = Gating::sigmoid;
    moe.normalize = true;
    HEARTH_TRY(add_experts(h, spec, moe));
    HEARTH_TRY(leading_dense_layers(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
