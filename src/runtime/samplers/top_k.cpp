// The k most probable tokens (Fan et al., "Hierarchical Neural Story Generation", 2018).
#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr SamplingKey kKeys[] = {
    {"top_k", 0.0, 2147483647.0, 40.0, true, "Keeps the k most probable tokens, ties by the lower id; 0 is off."},
};

bool active(const double* values) { return values[0] > 0.0; }

void apply(const double* values, SamplerInput& input) {
    input.candidates.keep_top(static_cast<std::size_t>(values[0]));
}

}  // namespace

extern const SamplerDef sampler_top_k;
constinit const SamplerDef sampler_top_k = {
    .name = "top_k", .doc = "Keeps the k most probable tokens.", .keys = kKeys, .active = active, .apply = apply};

}  // namespace hearth
