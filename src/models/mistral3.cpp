// Ministral 3 and Mistral Small 3.x with position-dependent query scale: llama's block, YaRN with its betas in the file.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_mistral3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(auto experts, h.metadata().get_uint(h.full("expert_count")));
    if (experts.value_or(0) != 0)
        return Status(Code::unsupported, cat("metadata key '", h.full("expert_count"), "' is ", *experts,
                                             ": mixtures of experts are not supported yet"));
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_ASSIGN(spec.rope.yarn.beta_fast, h.number("rope.scaling.yarn_beta_fast", 32));
    HEARTH_ASSIGN(spec.rope.yarn.beta_slow, h.number("rope.scaling.yarn_beta_slow", 1));
    HEARTH_ASSIGN(spec.query_temperature.beta, h.number("attention.temperature_scale", 0));
    HEARTH_ASSIGN(spec.query_temperature.period,
                  h.number("rope.scaling.original_context_length", static_cast<double>(spec.context)));
    if (spec.query_temperature.period < 1)
        return Status(Code::malformed, cat("metadata key '", h.full("rope.scaling.original_context_length"), "' is ",
                                           spec.query_temperature.period, ", expected at least 1"));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
