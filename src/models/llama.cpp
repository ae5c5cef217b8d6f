// Llama 2, 3 and 3.x, Mistral 7B, Nemo and Small, Mixtral, and the many models of the same shape: adjacent pairs rotate (the
// converter permuted q and k), Llama 3's frequency factors come as rope_freqs, biases are found by their tensors.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_llama(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_TRY(optional_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
