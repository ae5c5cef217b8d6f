// DeepSeek V2, V3 and R1, Kimi K2, GLM 4.7 Flash: latent attention, the first layers dense, then experts, in groups or
// not, with shared ones beside them. Smaller ones have no latent of queries; older files hold keys and values in one.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_deepseek2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_latent_spec(h, tensors, true));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
