// Nucleus sampling (Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020).
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"top_p", 0.0, 1.0, 0.95, false,
     "Keeps the most probable tokens that together reach this share of the probability that top_k left, at least one "
     "token; 1 is off."},
};

bool active(const double* values) { return values[0] < 1.0; }

void apply(const double* values, SamplerInput& input) { input.candidates.keep_mass(values[0]); }

}  // namespace

extern const SamplerDef sampler_top_p;
constinit const SamplerDef sampler_top_p = {.name = "top_p",
                                            .doc = "Keeps the most probable tokens that share most of the probability.",
                                            .keys = kKeys,
                                            .active = active,
                                            .apply = apply};

}  // namespace hearth
