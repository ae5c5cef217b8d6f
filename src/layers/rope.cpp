#include "hearth/layers/rope.hpp"

#include <algorithm>
#include <cmath>

#include "hearth/base/math.hpp"

namespace hearth {

namespace {

constexpr double kTwoPi = 6.283185307179586;

// Share of extrapolation of pair i: 1 for fast dimensions, 0 for slow ones, a ramp between (YaRN, section 3.2).
double yarn_ramp(const RopeSpec& spec, std::size_t i) {
    const auto correction = [&](double rotations) {
        return spec.dims * det_log(spec.yarn.original_context / (rotations * kTwoPi)) / (2 * det_log(spec.base));
    };
    const double first = correction(spec.yarn.beta_fast), last = correction(spec.yarn.beta_slow);
    const double low = std::max(0.0, spec.yarn.whole_pairs ? std::floor(first) : first);
    const double high = std::min(spec.dims - 1.0, spec.yarn.whole_pairs ? std::ceil(last) : last);
    return 1 - std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
}

}  // namespace

std::vector<double> rope_frequencies(const RopeSpec& spec) {
    std::vector<double> frequencies(spec.dims / 2);
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double extrapolated = det_pow(spec.base, -2.0 * static_cast<double>(i) / spec.dims) /
                                    (spec.factors.empty() ? 1.0 : static_cast<double>(spec.factors[i]));
        if (spec.yarn.on) {
            const double ramp = yarn_ramp(spec, i);
            frequencies[i] = extrapolated / spec.yarn.factor * (1 - ramp) + extrapolated * ramp;
        } else {
            frequencies[i] = extrapolated / spec.linear;
        }
    }
    return frequencies;
}

void rope_angles(const std::vector<double>& frequencies, double magnitude, std::size_t position, float* cos, float* sin) {
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const SinCos v = det_sincos(static_cast<double>(position) * frequencies[i]);
        cos[i] = static_cast<float>(v.cos * magnitude);
        sin[i] = static_cast<float>(v.sin * magnitude);
    }
}

}  // namespace hearth
