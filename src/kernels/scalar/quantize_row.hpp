// A row of int8 codes under one scale, as kernels.hpp states it, in plain C++.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace hearth::scalar {
namespace {

#include "kernels/portable/quantize_constants.inl"

struct Scaling {
    float scale, inv;  // inv 0: all codes are 0
};

inline Scaling scaling(const float* x, std::size_t n) {
    std::uint32_t top = 0;  // of |x| as bits: ordered like the values, infinity and NaN above all
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
        top = magnitude > top ? magnitude : top;
    }
    if (top <= kTooSmall) return {0.0f, 0.0f};
    if (top >= kNotFinite) return {std::bit_cast<float>(kBadScale), 0.0f};
    const float amax = std::bit_cast<float>(top);
    return {amax / 127.0f, 127.0f / amax};
}

// |x inv| < 127.5: both roundings together move it by less than 2^-22 of itself. So codes need no clamp.
[[gnu::always_inline]] inline int code(float x, float inv) {
    if (inv == 0.0f) return 0;
    return static_cast<int>((x * inv + 0x1.8p23f) - 0x1.8p23f);  // to an integer, ties to even
}

}  // namespace
}  // namespace hearth::scalar
