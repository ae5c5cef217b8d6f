// Qwen 3.5 with experts (35B-A3B to 397B-A17B): Qwen 3.5's layers, and a gated shared expert beside those chosen.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen35moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gated_delta_spec(h, tensors, true));
    HEARTH_TRY(text_sections(h, spec));
    HEARTH_TRY(shared_gated_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
