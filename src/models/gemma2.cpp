// Gemma 2: embeddings scaled by the root of their width, norms before and after attention and feed-forward, GELU gates,
// soft caps on scores and logits, every other layer local. Norm weights are stored with their 1 included.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_gemma2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gemma_spec(h, tensors));
    HEARTH_ASSIGN(spec.attention_softcap, softcap(h, "attn_logit_softcapping", 50));
    HEARTH_ASSIGN(spec.logit_softcap, softcap(h, "final_logit_softcapping", 30));
    scale_scores_by_stream(h, spec, 46);
    HEARTH_ASSIGN(const std::uint32_t window, h.count("attention.sliding_window", UINT32_MAX, 4096));
    HEARTH_TRY(local_layers(h, spec, window, 2));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
