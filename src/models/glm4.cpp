// GLM 4 (0414): llama's block with norms after attention and feed-forward too, gate and up in one, rotation of a part
// of each head.
#include <algorithm>

#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_glm4(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_TRY(leave_predictors(h, spec));
    spec.post_norms = true;
    spec.gate_in_up = true;
    // Models that see rotate by sections, which for text are all the same; their rows are permuted for halves.
    HEARTH_ASSIGN(const auto sections, h.metadata().get_uints(h.full("rope.dimension_sections")));
    if (sections && std::any_of(sections->begin(), sections->end(), [](std::uint64_t n) { return n != 0; }))
        spec.rope.kind = RopeKind::halves;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
