// The rules that Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 share: one scale (and minimum) for 32 values, stated by the largest
// value or the range, and each code nearest under the scale as rounded to half.
#pragma once

#include <algorithm>
#include <cmath>

#include "codecs/rounding.hpp"

namespace hearth::codecs {

// The value of largest magnitude, with its sign; the first of equals.
inline float signed_extreme(const float* x) {
    float extreme = 0;
    for (int i = 0; i < 32; ++i) {
        if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
    }
    return extreme;
}

struct ScaleFit {
    f16 d;
    std::int8_t codes[32];
};

// d * code with codes low to high, d the half nearest to `scale`.
inline ScaleFit fit_scale(const float* x, float scale, int low, int high) {
    ScaleFit best{};
    float best_error = 0;
    const f16 nearest = finite_half(scale);
    for (int up = 0; up <= (coarse_half(nearest) ? 1 : 0); ++up) {
        ScaleFit trial{};
        trial.d = static_cast<f16>(nearest + up);
        const float d = f16_to_f32(trial.d);
        const float inverse_d = inverse(d);
        float error = 0;
        for (int i = 0; i < 32; ++i) {
            const float code = nearest_code(x[i] * inverse_d, static_cast<float>(low), static_cast<float>(high));
            const float rest = x[i] - d * code;
            error += rest * rest;
            trial.codes[i] = static_cast<std::int8_t>(code);
        }
        if (up == 0 || error < best_error) {
            best = trial;
            best_error = error;
        }
    }
    return best;
}

struct MinScaleFit {
    f16 d, m;
    std::uint8_t codes[32];
};

// The half below a value that rounded up to `half`.
inline f16 half_below(f16 half) {
    if (half == 0) return 0x8001;
    if ((half & 0x8000u) == 0) return static_cast<f16>(half - 1);
    return (half & 0x7fffu) < kLargestHalf ? static_cast<f16>(half + 1) : half;
}

// d * code + m with codes 0 to top: m is the minimum, d the range / top. Where the minimum as a half is too coarse for
// the range (values far from zero), rounding it down and covering the range from there errs less: the best is kept.
inline MinScaleFit fit_min_scale(const float* x, int top) {
    const auto bounds = std::minmax_element(x, x + 32);
    const float low = *bounds.first;
    const float high = *bounds.second;
    const float codes = static_cast<float>(top);
    MinScaleFit best{};
    float best_error = -1;
    const auto consider = [&](f16 m_half, f16 d_half) {
        MinScaleFit trial{d_half, m_half, {}};
        const float d = f16_to_f32(d_half);
        const float m = f16_to_f32(m_half);
        const float inverse_d = inverse(d);
        float error = 0;
        for (int i = 0; i < 32; ++i) {
            const float code = nearest_code((x[i] - m) * inverse_d, 0.0f, codes);
            const float rest = x[i] - (d * code + m);
            error += rest * rest;
            trial.codes[i] = static_cast<std::uint8_t>(code);
        }
        if (best_error < 0 || error < best_error) {
            best = trial;
            best_error = error;
        }
    };
    // In double: the range of finite floats may exceed them.
    const auto consider_range_from = [&](double base, f16 m_half) {
        const f16 d_half = finite_half(static_cast<float>(std::min((static_cast<double>(high) - base) / top, 65504.0)));
        consider(m_half, d_half);
        if (coarse_half(d_half)) consider(m_half, static_cast<f16>(d_half + 1));
    };
    const f16 nearest = finite_half(low);
    consider_range_from(static_cast<double>(low), nearest);
    if (f16_to_f32(nearest) > low) {
        const f16 below = half_below(nearest);
        consider_range_from(static_cast<double>(f16_to_f32(below)), below);
    }
    return best;
}

// Stores code + offset, 0 to 31: the nibble of code j low in qs[j], of code j + 16 high. Returns the fifth bits, bit j
// for code j.
template <class Code>
std::uint32_t pack_codes(const Code* codes, int offset, std::uint8_t* qs) {
    std::uint32_t fifth = 0;
    for (int j = 0; j < 32; ++j) {
        const unsigned q = static_cast<unsigned>(codes[j] + offset);
        qs[j % 16] = static_cast<std::uint8_t>(j < 16 ? q & 15 : qs[j % 16] | (q & 15) << 4);
        fifth |= (q >> 4) << j;
    }
    return fifth;
}

}  // namespace hearth::codecs
