// Rounding that the encoders share: scales to halves that never overflow, values to codes in bounds.
#pragma once

#include <cstdint>

#include "hearth/base/half.hpp"

namespace hearth::codecs {

constexpr f16 kLargestHalf = 0x7bff;  // 65504

// Nearest half, the largest finite one instead of infinity (and for NaN, so that every block is finite).
inline f16 finite_half(float x) {
    const f16 half = f32_to_f16(x);
    return (half & 0x7fffu) > kLargestHalf ? static_cast<f16>((half & 0x8000u) | kLargestHalf) : half;
}

// Halves below 2^-14 are so coarse that the nearest one may cut the extreme codes off: encoders try the next larger
// too.
inline bool coarse_half(f16 half) { return (half & 0x7fffu) < 0x400u; }

// To nearest even, for |x| < 2^22: in the sum one unit is the last place.
inline float round_even(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

// Nearest code in [low, high]; NaN gives low.
inline float nearest_code(float x, float low, float high) { return round_even(x > low ? (x < high ? x : high) : low); }

// For the K-quants, whose values are multiples of the smallest half, 2^-24: what is too small for one becomes zero,
// what is far beyond 65504 * 128 * 32 is cut, NaN becomes zero. Afterwards squares and quotients stay within the
// floats.
inline float clip_to_halves(float x) {
    const float size = x < 0 ? -x : x;
    if (!(size >= 0x1p-26f)) return 0.0f;
    return size < 0x1p30f ? x : x < 0 ? -0x1p30f : 0x1p30f;
}

inline float inverse(float scale) { return scale != 0 ? 1.0f / scale : 0.0f; }

}  // namespace hearth::codecs
