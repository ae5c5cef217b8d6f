// Sums of products over the dot product instructions, for the GEMM of gemm_dots.inl: sdot multiplies 4 rows x 4 k, the
// layout of a unit's register, with 4 activations of one token.
#pragma once

#include "kernels/arm_neon/lanes.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// 16 rows times one token. Weights are units of signed bytes; codes below 128 are the same signed and unsigned.
struct token_dots {
    int32x4_t v[4];
    HEARTH_SIMD static token_dots zero() { HEARTH_EACH_QUARTER(token_dots, vdupq_n_s32(0)); }
    // Two units, k to k + 3 and k + 4 to k + 7, and the activations of these 8.
    HEARTH_SIMD void add8(const s8x64& first, const s8x64& second, const std::int8_t* x8) {
        const int8x8_t x = vld1_s8(x8);
        for (std::size_t i = 0; i < 4; ++i) v[i] = vdotq_lane_s32(v[i], first.v[i], x, 0);
        for (std::size_t i = 0; i < 4; ++i) v[i] = vdotq_lane_s32(v[i], second.v[i], x, 1);
    }
    HEARTH_SIMD i32x16 sum() const { HEARTH_EACH_QUARTER(i32x16, v[i]); }
};

HEARTH_SIMD s8x64 as_signed(u8x64 a) { HEARTH_EACH_QUARTER(s8x64, vreinterpretq_s8_u8(a.v[i])); }
// The first or second of two small integers that stand together for each row, [row][2].
HEARTH_SIMD i32x16 even(i16x32 a) {
    HEARTH_EACH_QUARTER(i32x16, vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_s16(a.v[i]), 16), 16));
}
HEARTH_SIMD i32x16 odd(i16x32 a) { HEARTH_EACH_QUARTER(i32x16, vshrq_n_s32(vreinterpretq_s32_s16(a.v[i]), 16)); }

// Sizes of the tiles that suit 32 q registers.
constexpr std::size_t kBlockTokens = 4, kDots = 4;

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
