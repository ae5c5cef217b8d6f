// Mirostat 2.0 (Basu et al., "Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity", 2021,
// algorithm 2): the most surprise that a token may have is steered so that the surprise drawn keeps to a target.
#include "hearth/base/math.hpp"
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

enum { kTarget, kRate };
constexpr SamplingKey kKeys[] = {
    {"mirostat_tau", 0.0, 100.0, 0.0, false,
     "The surprise in bits that the tokens shall have in the mean; switch top_k, top_p and min_p off with it. Each "
     "generation "
     "begins anew. 0 is off."},
    {"mirostat_eta", 0.0, 1.0, 0.1, false, "How fast mirostat_tau is steered to."},
};

bool active(const double* values) { return values[kTarget] > 0.0; }

void begin(const double* values, double* most) { *most = 2.0 * values[kTarget]; }

void apply(const double*, SamplerInput& input) { input.candidates.keep_surprise(*input.state); }

// The surprise is that under the distribution before anything was dropped for it, as in the paper.
void drawn(const double* values, double* most, Candidates& candidates, std::int32_t token) {
    *most -= values[kRate] * (candidates.surprise(token) - values[kTarget]);
}

}  // namespace

extern const SamplerDef sampler_mirostat;
constinit const SamplerDef sampler_mirostat = {.name = "mirostat",
                                               .doc = "Steers the surprise of the tokens that are drawn to a target.",
                                               .keys = kKeys,
                                               .active = active,
                                               .apply = apply,
                                               .state = 1,
                                               .begin = begin,
                                               .drawn = drawn};

}  // namespace hearth
