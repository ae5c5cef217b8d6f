// Qwen 3.5 (0.8B to 27B): Qwen 3 Next with a dense feed-forward. Files hold the heads of values in tiled order, and
// sections of the rotation for images, which text does not tell apart.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen35(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gated_delta_spec(h, tensors, true));
    HEARTH_TRY(text_sections(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
