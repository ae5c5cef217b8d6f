// A row of int8 codes under one scale on the 16-lane machine. Include it after the simd.hpp of the instruction set.
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hearth::HEARTH_SIMD_ISA {
namespace {

#include "kernels/portable/quantize_constants.inl"

struct Scaling {
    float scale, inv;  // inv 0: all codes are 0
};

// From the largest |x| of each lane, as bits.
HEARTH_SIMD Scaling scaling(i32x16 tops) {
    const auto top = static_cast<std::uint32_t>(fold_max(tops));
    if (top <= kTooSmall) return {0.0f, 0.0f};
    if (top >= kNotFinite) return {std::bit_cast<float>(kBadScale), 0.0f};
    const float amax = std::bit_cast<float>(top);
    return {amax / 127.0f, 127.0f / amax};
}

HEARTH_SIMD f32x16 load_up_to_16(const float* p, std::size_t n) {
    return n < 16 ? f32x16::load_n(p, n) : f32x16::load(p);
}

HEARTH_SIMD Scaling scaling(const float* x, std::size_t n) {
    i32x16 tops = i32x16::zero();
    for (std::size_t i = 0; i < n; i += 16) tops = max(tops, bits(abs(load_up_to_16(x + i, n - i))));
    return scaling(tops);
}

// Beyond the ends of the range codes cannot come: see scalar/quantize_row.hpp.
HEARTH_SIMD i32x16 codes(f32x16 x, float inv) {
    return inv == 0.0f ? i32x16::zero() : to_i32(mul(x, f32x16::splat(inv)));
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
