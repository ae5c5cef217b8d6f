// EmbeddingGemma: Gemma 3 seeing both ways, its windows reaching half to either side; two dense layers behind the mean
// of the states.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_gemma_embedding(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gemma_spec(h, tensors));
    spec.qk_norm = QkNorm::heads;
    spec.causal = false;
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    HEARTH_TRY(local_rope(h, spec, 10000));
    HEARTH_TRY(local_layers(h, spec, window.value_or(0), 6));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
