// LFM2 and LFM2.5: gated short convolutions where a layer has no heads of keys, else attention with normed heads.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_lfm2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_lfm2_spec(h, tensors));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
