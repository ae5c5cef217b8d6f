// Exclude top choices (P. E. Weidmann, "Exclude Top Choices (XTC)", 2024): now and then all good choices but the least
// of them go, which leaves good text that is less expected.
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

enum { kProbability, kThreshold };
constexpr SamplingKey kKeys[] = {
    {"xtc_probability", 0.0, 1.0, 0.0, false, "How often, in the mean, xtc_threshold is applied to a token; 0 is off."},
    {"xtc_threshold", 0.001, 1.0, 0.1, false,
     "When applied, of the tokens with at least this probability all but the least probable are dropped; above 0.5 "
     "there "
     "never are two such."},
};

bool active(const double* values) { return values[kProbability] > 0.0 && values[kThreshold] <= 0.5; }

void apply(const double* values, SamplerInput& input) {
    if (input.uniform < values[kProbability]) input.candidates.drop_top_choices(values[kThreshold]);
}

}  // namespace

extern const SamplerDef sampler_xtc;
constinit const SamplerDef sampler_xtc = {.name = "xtc",
                                          .doc = "Drops, now and then, all good choices but the least of them.",
                                          .keys = kKeys,
                                          .active = active,
                                          .apply = apply};

}  // namespace hearth
