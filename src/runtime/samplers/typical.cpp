// Locally typical sampling (Meister et al., "Locally Typical Sampling", 2022): tokens about as surprising as is to be
// expected. The most probable one may be dropped.
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"typical_p", 0.0, 1.0, 1.0, false,
     "Keeps the tokens whose surprise is nearest to the mean surprise and that together reach this share of the "
     "probability, at "
     "least one token; 1 is off."},
};

bool active(const double* values) { return values[0] < 1.0; }

void apply(const double* values, SamplerInput& input) { input.candidates.keep_typical(values[0]); }

}  // namespace

extern const SamplerDef sampler_typical;
constinit const SamplerDef sampler_typical = {.name = "typical",
                                              .doc = "Keeps tokens that are about as surprising as is to be expected.",
                                              .keys = kKeys,
                                              .active = active,
                                              .apply = apply};

}  // namespace hearth
