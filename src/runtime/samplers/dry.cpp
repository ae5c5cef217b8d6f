// "Don't repeat yourself" (P. E. Weidmann, "DRY: A modern repetition penalty", 2024): a token that would make a
// sequence of the recent text go on as it did before loses multiplier * base^(length - allowed length) of its logit.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

enum { kMultiplier, kBase, kAllowed, kWindow };
constexpr SamplingKey kKeys[] = {
    {"dry_multiplier", 0.0, 100.0, 0.0, false,
     "Is subtracted from the logit of a token that would repeat a sequence of dry_allowed_length tokens; 0 is off. "
     "Also acts on "
     "greedy choice."},
    {"dry_base", 1.0, 100.0, 1.75, false, "What that grows by for each token that the sequence is longer."},
    {"dry_allowed_length", 1.0, 1048576.0, 2.0, true, "Tokens of the longest sequence that may be repeated for free."},
    {"dry_window", 0.0, 1048576.0, 4096.0, true,
     "How many of the last tokens, prompt included, are looked at; 0 is none. Tokens with one of the strings "
     "dry_breakers in "
     "them end a sequence."},
};

std::size_t window(const double* values) { return static_cast<std::size_t>(values[kWindow]); }

bool active(const double* values) { return values[kMultiplier] > 0.0 && window(values) > 0; }

// base^n, with the same steps everywhere.
double power(double base, std::uint32_t n) {
    double result = 1.0;
    for (; n != 0; n >>= 1, base *= base)
        if ((n & 1) != 0) result *= base;
    return result;
}

void apply(const double* values, SamplerInput& input) {
    const History& text = input.history;
    const std::size_t n = std::min(window(values), text.size());
    const auto allowed = static_cast<std::size_t>(values[kAllowed]);
    // Sequences end at the nearest token that breaks them.
    std::size_t longest = n;
    for (std::size_t i = 0; i < longest && !input.vocab.breakers.empty(); ++i)
        if (input.vocab.breakers[static_cast<std::size_t>(text[i])]) longest = i;
    if (longest < allowed) return;
    // For each earlier place: how many tokens up to it are those up to the end (Gusfield's Z algorithm, backwards).
    const std::span<std::uint32_t> same = input.candidates.lengths(n);
    const std::span<std::uint32_t> counts = input.candidates.counters();
    std::vector<std::int32_t>& ids = input.candidates.ids();
    for (std::size_t i = 1, begin = 0, end = 0; i < n; ++i) {
        std::size_t length = i < end ? std::min<std::size_t>(end - i, same[i - begin]) : 0;
        while (i + length < n && text[length] == text[i + length]) ++length;
        same[i] = static_cast<std::uint32_t>(length);
        if (i + length > end) {
            begin = i;
            end = i + length;
        }
        const auto repeated = static_cast<std::uint32_t>(std::min(length, longest));
        if (repeated < allowed) continue;
        const std::int32_t next = text[i - 1];  // what came after it then
        std::uint32_t& most = counts[static_cast<std::size_t>(next)];
        if (most == 0) ids.push_back(next);
        most = std::max(most, repeated);
    }
    input.candidates.adjust(ids, [&](std::int32_t id, float logit) {
        const std::uint32_t over = counts[static_cast<std::size_t>(id)] - static_cast<std::uint32_t>(allowed);
        const double value = static_cast<double>(logit) - values[kMultiplier] * power(values[kBase], over);
        return std::isfinite(logit) ? static_cast<float>(std::max<double>(value, std::numeric_limits<float>::lowest()))
                                    : logit;
    });
    for (const std::int32_t id : ids) counts[static_cast<std::size_t>(id)] = 0;
    ids.clear();
}

}  // namespace

extern const SamplerDef sampler_dry;
constinit const SamplerDef sampler_dry = {
    .name = "dry",
    .doc = "Makes tokens that repeat a longer sequence of the text less probable.",
    .keys = kKeys,
    .active = active,
    .apply = apply,
    .draws_only = false,
    .look_back = window,
    .breakers = true};

}  // namespace hearth
