// A floor relative to the best token (Nguyen et al., "Turning Up the Heat: Min-p Sampling", 2024).
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"min_p", 0.0, 1.0, 0.05, false,
     "Keeps the tokens that are at least this many times as probable as the most probable one; 0 is off."},
};

bool active(const double* values) { return values[0] > 0.0; }

void apply(const double* values, SamplerInput& input) { input.candidates.keep_ratio(values[0]); }

}  // namespace

extern const SamplerDef sampler_min_p;
constinit const SamplerDef sampler_min_p = {.name = "min_p",
                                            .doc = "Drops tokens that are much less probable than the best.",
                                            .keys = kKeys,
                                            .active = active,
                                            .apply = apply};

}  // namespace hearth
