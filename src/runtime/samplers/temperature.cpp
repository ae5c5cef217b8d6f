// Temperature comes after the steps that drop tokens: what is dropped does not depend on it.
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"temperature", 0.0, 100.0, 0.8, false,
     "Divides the logits of the tokens that penalties, top_k, top_p and min_p left: below 1 sharpens, above 1 flattens "
     "the choice among them; 0 always takes the most probable token."},
};

// At 0 the chain does not draw at all (sampling.cpp), and samplers that keep the best candidate are left out.
bool active(const double* values) { return values[0] != 1.0; }

void apply(const double* values, SamplerInput& input) { input.candidates.divide(values[0]); }

}  // namespace

extern const SamplerDef sampler_temperature;
constinit const SamplerDef sampler_temperature = {"temperature", kKeys, active, apply, true, nullptr};

}  // namespace hearth
