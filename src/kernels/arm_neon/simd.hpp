// The 16-lane machine on baseline Armv8.0 NEON. Contract: portable/simd_contract.hpp.
#pragma once

#define HEARTH_SIMD_ISA neon

#include "kernels/arm_neon/lanes.hpp"

namespace hearth::neon {
namespace {

// Two products of at most 128 * 127 stay below 2^15, so pairs may be added in 16 bits.
HEARTH_SIMD int32x4_t dot4_quarter(int32x4_t acc, int8x16_t w, int8x16_t x) {
    const int16x8_t lo = vmull_s8(vget_low_s8(w), vget_low_s8(x)), hi = vmull_high_s8(w, x);
    return vpadalq_s16(acc, vpaddq_s16(lo, hi));
}
HEARTH_SIMD i32x16 dot4(i32x16 acc, u8x64 w, const std::int8_t* x4) {
    const int8x16_t x = vreinterpretq_s8_s32(broadcast4(x4));
    HEARTH_EACH_QUARTER(i32x16, dot4_quarter(acc.v[i], vreinterpretq_s8_u8(w.v[i]), x));
}

HEARTH_SIMD i32x16 dot4_start(std::int32_t) { return i32x16::zero(); }
HEARTH_SIMD i32x16 dot4_begin(const std::int32_t*) { return i32x16::zero(); }
HEARTH_SIMD i32x16 dot4(i32x16 acc, s8x64 w, const std::int8_t* x4) {
    const int8x16_t x = vreinterpretq_s8_s32(broadcast4(x4));
    HEARTH_EACH_QUARTER(i32x16, dot4_quarter(acc.v[i], w.v[i], x));
}

// Sums of products with small codes in int16, two registers a quarter: 16 products of 15 * 127 (8 of 31, 4 of 63) fit
// into one sum of two neighbours. Scales are doubled in each pair.
struct small_dot {
    int16x8_t lo[4], hi[4];
    HEARTH_SIMD static small_dot zero() {
        small_dot d;
        for (std::size_t i = 0; i < 4; ++i) d.lo[i] = d.hi[i] = vdupq_n_s16(0);
        return d;
    }
};
struct small_scale {
    int16x8_t v[4];
};
template <int Top>
constexpr std::size_t small_dot_steps = Top <= 15   ? 8
                                        : Top <= 31 ? 4
                                                    : 2;
template <int Top>
constexpr std::size_t scaled_dot_steps = small_dot_steps<Top>;
template <int Top>
constexpr std::size_t calm_dot_steps = 0;  // nothing to gain: pairs of lanes hold a sub-block, and begin apart
HEARTH_SIMD small_dot step(small_dot d, u8x64 w, const std::int8_t* x4) {
    const int8x16_t x = vreinterpretq_s8_s32(broadcast4(x4));
    for (std::size_t i = 0; i < 4; ++i) {
        const int8x16_t wi = vreinterpretq_s8_u8(w.v[i]);
        d.lo[i] = vmlal_s8(d.lo[i], vget_low_s8(wi), vget_low_s8(x));
        d.hi[i] = vmlal_high_s8(d.hi[i], wi, x);
    }
    return d;
}
HEARTH_SIMD small_scale even(i16x32 a) { HEARTH_EACH_QUARTER(small_scale, vtrn1q_s16(a.v[i], a.v[i])); }
HEARTH_SIMD small_scale odd(i16x32 a) { HEARTH_EACH_QUARTER(small_scale, vtrn2q_s16(a.v[i], a.v[i])); }
HEARTH_SIMD i32x16 add_dot(i32x16 acc, small_dot d) {
    HEARTH_EACH_QUARTER(i32x16, vpadalq_s16(acc.v[i], vpaddq_s16(d.lo[i], d.hi[i])));
}
template <int Top, bool>
HEARTH_SIMD i32x16 add_scaled_dot(i32x16 acc, small_scale s, small_dot d) {
    HEARTH_EACH_QUARTER(i32x16, madd16_quarter(acc.v[i], vpaddq_s16(d.lo[i], d.hi[i]), s.v[i]));
}

// Sizes of the tiles that suit 32 q registers.
constexpr std::size_t kBlockTokens = 2, kDots = 2;
constexpr std::size_t kFloatTokens = 6, kFloatSums = 6;

}  // namespace
}  // namespace hearth::neon

#undef HEARTH_EACH_QUARTER
