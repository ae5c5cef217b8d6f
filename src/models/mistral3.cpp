// Ministral 3 and Mistral Small 3.x with position-dependent query scale: llama's block, dense or with experts, YaRN with
// its betas in the file.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_mistral3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_TRY(optional_experts(h, spec));
    HEARTH_ASSIGN(spec.query_temperature.beta, h.number("attention.temperature_scale", 0));
    HEARTH_ASSIGN(spec.query_temperature.period,
                  h.number("rope.scaling.original_context_length", static_cast<double>(spec.context)));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
