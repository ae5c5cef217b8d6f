// OLMo 2 and 3: no norms before attention and feed-forward, but after them; one norm over all query heads and one over
// all key heads. In OLMo 3 three of four layers are local and rotate without the scaling of the others.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_olmo2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.pre_norms = false;
    spec.post_norms = true;
    spec.qk_norm = QkNorm::projection;
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    if (window.value_or(0) != 0) {
        HEARTH_ASSIGN(const std::uint32_t keys, h.count("attention.sliding_window", UINT32_MAX));
        HEARTH_TRY(local_rope(h, spec, spec.rope.base));
        HEARTH_TRY(local_layers(h, spec, keys, 4));
    }
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
