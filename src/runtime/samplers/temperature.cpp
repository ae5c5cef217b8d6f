// Temperature comes after the steps that drop tokens by default: what is dropped does not depend on it. With a range it
// follows the entropy of what is left (M. Kalomaze's "dynamic temperature", 2023).
#include <algorithm>

#include "hearth/base/math.hpp"
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

enum { kTemperature, kRange, kExponent };
constexpr SamplingKey kKeys[] = {
    {"temperature", 0.0, 100.0, 0.8, false,
     "Divides the logits of the tokens that the samplers before it left: below 1 sharpens, above 1 flattens the choice "
     "among "
     "them; 0 always takes the most probable token."},
    {"temperature_range", 0.0, 100.0, 0.0, false,
     "Lets the temperature go from this much below (0 at least) to this much above, as far as the entropy of the "
     "tokens left "
     "comes to the most that it can be; 0 is off."},
    {"temperature_exponent", 0.01, 100.0, 1.0, false,
     "The power of that entropy's share by which the temperature goes, where temperature_range is not 0."},
};

// At 0 the chain does not draw at all (sampling.cpp), and samplers that shape the draw are left out.
bool active(const double* values) { return values[kTemperature] != 1.0 || values[kRange] > 0.0; }

void apply(const double* values, SamplerInput& input) {
    double temperature = values[kTemperature];
    if (values[kRange] > 0.0) {
        const double lowest = std::max(temperature - values[kRange], 0.0), highest = temperature + values[kRange];
        const double share = input.candidates.relative_entropy();
        const double part = share > 0.0 ? det_pow(share, values[kExponent]) : 0.0;
        temperature = std::max(lowest + (highest - lowest) * part, 1e-3);  // the best alone, nearly
    }
    input.candidates.divide(temperature);
}

}  // namespace

extern const SamplerDef sampler_temperature;
constinit const SamplerDef sampler_temperature = {.name = "temperature",
                                                  .doc = "Sharpens or flattens the distribution.",
                                                  .keys = kKeys,
                                                  .active = active,
                                                  .apply = apply};

}  // namespace hearth
