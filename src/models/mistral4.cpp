// Mistral Small 4 and Large 3: the tensors of DeepSeek V2, with a query temperature that grows with the position.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_mistral4(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_latent_spec(h, tensors, false));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
