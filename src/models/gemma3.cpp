// Gemma 3 (text): as Gemma 2 with a norm on every query and key head instead of the cap on scores, five local layers
// for each global one, and rotations of their own for both. Norm weights are stored with their 1 included.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_gemma3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gemma_spec(h, tensors));
    spec.qk_norm = QkNorm::heads;
    HEARTH_ASSIGN(spec.logit_softcap, softcap(h, "final_logit_softcapping", 0));
    scale_scores_by_stream(h, spec, 62);
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    HEARTH_TRY(local_rope(h, spec, 10000));
    HEARTH_TRY(local_layers(h, spec, window.value_or(0), 6));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
