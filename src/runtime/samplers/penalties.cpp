// Penalties on tokens that the last penalty_window tokens contain.
//   repetition: Keskar et al., "CTRL: A Conditional Transformer Language Model", 2019, section 4.1, with the usual
//   amendment for negative logits (multiplied, since dividing would favour them);
//   presence, frequency: as OpenAI's API defines them, logit -= presence + frequency * count.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

enum { kRepetition, kPresence, kFrequency, kWindow };
constexpr SamplingKey kKeys[] = {
    {"repetition_penalty", 0.01, 100.0, 1.0, false,
     "Divides the positive and multiplies the negative logits of tokens in the penalty window; 1 is off, above 1 "
     "discourages repetition. Penalties come first in the chain and also act on greedy choice."},
    {"presence_penalty", -100.0, 100.0, 0.0, false,
     "Is subtracted once from the logit of each token in the penalty window; 0 is off, negative values encourage."},
    {"frequency_penalty", -100.0, 100.0, 0.0, false,
     "Is subtracted from a token's logit for every time that it stands in the penalty window; 0 is off."},
    {"penalty_window", 0.0, 1048576.0, 64.0, true,
     "How many of the last tokens, prompt included, the penalties look at; 0 is none."},
};

std::size_t window(const double* values) { return static_cast<std::size_t>(values[kWindow]); }

bool active(const double* values) {
    return window(values) > 0 && (values[kRepetition] != 1.0 || values[kPresence] != 0.0 || values[kFrequency] != 0.0);
}

void apply(const double* values, SamplerInput& input) {
    const std::span<std::uint32_t> counts = input.candidates.counters();
    std::vector<std::int32_t>& seen = input.candidates.ids();
    const std::size_t last = std::min(window(values), input.history.size());
    for (std::size_t back = 0; back < last; ++back) {
        const std::int32_t id = input.history[back];
        if (counts[static_cast<std::size_t>(id)]++ == 0) seen.push_back(id);
    }
    if (seen.empty()) return;
    input.candidates.adjust(seen, [&](std::int32_t id, float logit) {
        double value = logit;
        value = value > 0.0 ? value / values[kRepetition] : value * values[kRepetition];
        value -= values[kPresence];
        value -= values[kFrequency] * counts[static_cast<std::size_t>(id)];
        // A finite logit stays finite: only the model's own infinities may decide a choice.
        constexpr double kLargest = std::numeric_limits<float>::max();
        return std::isfinite(logit) ? static_cast<float>(std::clamp(value, -kLargest, kLargest)) : logit;
    });
    for (const std::int32_t id : seen) counts[static_cast<std::size_t>(id)] = 0;
    seen.clear();
}

}  // namespace

extern const SamplerDef sampler_penalties;
constinit const SamplerDef sampler_penalties = {.name = "penalties",
                                                .doc = "Makes tokens of the recent text less probable.",
                                                .keys = kKeys,
                                                .active = active,
                                                .apply = apply,
                                                .draws_only = false,
                                                .look_back = window};

}  // namespace hearth
