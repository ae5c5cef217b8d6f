// Llama as an embedder: every token sees all of its sequence.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_llama_embed(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    spec.causal = false;
    HEARTH_TRY(optional_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
