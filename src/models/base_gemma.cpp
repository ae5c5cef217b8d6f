// What the generations of Gemma have in common.
#include <cmath>

#include "models/family.hpp"

namespace hearth {

Result<DecoderSpec> base_gemma_spec(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.embedding)));
    spec.post_norms = true;
    spec.glu = Glu::gelu;
    return spec;
}

void scale_scores_by_stream(const Hparams& h, DecoderSpec& spec, std::size_t layers) {
    if (spec.layers.size() == layers && !h.has("attention.scale"))
        spec.attention_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(spec.embedding) / spec.heads));
}

Status norm_heads_unscaled(const Hparams& h, DecoderSpec& spec) {
    HEARTH_ASSIGN(const double scale, h.number("attention.scale", 1));
    spec.attention_scale = static_cast<float>(scale);
    spec.qk_norm = QkNorm::heads;
    spec.value_norm = true;
    HEARTH_ASSIGN(spec.logit_softcap, softcap(h, "final_logit_softcapping", 30));
    return {};
}

}  // namespace hearth
