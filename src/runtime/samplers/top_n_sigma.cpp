// A floor some standard deviations of the logits below the best (Tang et al., "Top-n sigma: Not All Logits Are You
// Need", 2024). The same tokens stay whatever the temperature.
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"top_n_sigma", 0.0, 100.0, 0.0, false,
     "Keeps the tokens whose logits are at most so many standard deviations of all logits below the best; 0 is off."},
};

bool active(const double* values) { return values[0] > 0.0; }

void apply(const double* values, SamplerInput& input) { input.candidates.keep_sigmas(values[0]); }

}  // namespace

extern const SamplerDef sampler_top_n_sigma;
constinit const SamplerDef sampler_top_n_sigma = {.name = "top_n_sigma",
                                                  .doc = "Drops tokens whose logits are far below the best.",
                                                  .keys = kKeys,
                                                  .active = active,
                                                  .apply = apply};

}  // namespace hearth
