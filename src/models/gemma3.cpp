// Gemma 3 (text): as Gemma 2 with a norm on every query and key head instead of the cap on scores, five local layers
// for each global one, and rotations of their own for both. Norm weights are stored with their 1 included.
#include <cmath>

#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_gemma3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.embedding)));
    spec.post_norms = true;
    spec.glu = Glu::gelu;
    spec.qk_norm = QkNorm::heads;
    HEARTH_ASSIGN(spec.logit_softcap, softcap(h, "final_logit_softcapping", 0));
    // The 27B model scales scores by the width per head of the stream; the file does not say so.
    if (spec.layers.size() == 62 && !h.has("attention.scale"))
        spec.attention_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(spec.embedding) / spec.heads));
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    HEARTH_TRY(local_rope(h, spec, 10000));
    HEARTH_TRY(local_layers(h, spec, window.value_or(0), 6));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
