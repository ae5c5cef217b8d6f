// Armv8.2 with sdot and smmla (FEAT_DotProd, FEAT_I8MM).
#pragma once

#define HEARTH_SIMD_ISA i8mm

#include "kernels/arm_dotprod/dots.hpp"

namespace hearth::i8mm {
namespace {

// 16 rows times T tokens, two at a time: smmla multiplies 2 rows x 8 k with 2 tokens x 8 k.
template <std::size_t T>
struct dots {
    static_assert(T % 2 == 0);
    int32x4_t v[T / 2]
               [8];  // [pair of tokens][pair of rows]: row 0 token 0, row 0 token 1, row 1 token 0, row 1 token 1
    HEARTH_SIMD static dots zero() {
        dots d;
        for (auto& pair : d.v)
            for (int32x4_t& rows : pair) rows = vdupq_n_s32(0);
        return d;
    }
    HEARTH_SIMD void add8(const s8x64& first, const s8x64& second, const std::int8_t* const (&x)[T], std::size_t k) {
        int8x16_t w[8];
        for (std::size_t i = 0; i < 4; ++i) {
            const int32x4_t a = vreinterpretq_s32_s8(first.v[i]), b = vreinterpretq_s32_s8(second.v[i]);
            w[2 * i] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
            w[2 * i + 1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
        }
        for (std::size_t p = 0; p < T / 2; ++p) {
            const int8x16_t tokens = vcombine_s8(vld1_s8(x[2 * p] + k), vld1_s8(x[2 * p + 1] + k));
            for (std::size_t i = 0; i < 8; ++i) v[p][i] = vmmlaq_s32(v[p][i], w[i], tokens);
        }
    }
    HEARTH_SIMD void sums(i32x16 (&sum)[T]) const {
        for (std::size_t p = 0; p < T / 2; ++p)
            for (std::size_t i = 0; i < 4; ++i) {
                sum[2 * p].v[i] = vuzp1q_s32(v[p][2 * i], v[p][2 * i + 1]);
                sum[2 * p + 1].v[i] = vuzp2q_s32(v[p][2 * i], v[p][2 * i + 1]);
            }
    }
};

// One token gains nothing from pairs.
template <>
struct dots<1> {
    token_dots of;
    HEARTH_SIMD static dots zero() { return {token_dots::zero()}; }
    HEARTH_SIMD void add8(const s8x64& first, const s8x64& second, const std::int8_t* const (&x)[1], std::size_t k) {
        of.add8(first, second, x[0] + k);
    }
    HEARTH_SIMD void sums(i32x16 (&sum)[1]) const { sum[0] = of.sum(); }
};

}  // namespace
}  // namespace hearth::i8mm

#undef HEARTH_EACH_QUARTER
