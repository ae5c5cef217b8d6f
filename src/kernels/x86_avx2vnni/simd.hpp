// The 16-lane machine on AVX2 with AVX-VNNI (VEX-encoded vpdpbusd and vpdpwssd): sums of products go straight to int32,
// so no code is too large for them. Contract: portable/simd_contract.hpp.
#pragma once

#define HEARTH_SIMD_ISA avx2vnni

#include "kernels/x86_avx2/lanes.hpp"

namespace hearth::avx2vnni {
namespace {

HEARTH_SIMD i32x16 dot4(i32x16 acc, u8x64 w, const std::int8_t* x4) {
    const __m256i x = broadcast4(x4);
    return {{_mm256_dpbusd_avx_epi32(acc.v[0], w.v[0], x), _mm256_dpbusd_avx_epi32(acc.v[1], w.v[1], x)}};
}

// vpdpbusd wants unsigned weights: the offset of 128 comes off at the start of the sum.
struct s8x64 {
    __m256i v[2];
    HEARTH_SIMD static s8x64 load_offset(const std::uint8_t* p) { return {{load256(p), load256(p + 32)}}; }
};
HEARTH_SIMD i32x16 dot4_start(std::int32_t sum_x) { return i32x16::splat(-128 * sum_x); }
HEARTH_SIMD i32x16 dot4_begin(const std::int32_t* begin128) {
    const __m256i b = broadcast4(begin128);
    return {{b, b}};
}
HEARTH_SIMD i32x16 dot4(i32x16 acc, s8x64 w, const std::int8_t* x4) {
    const __m256i x = broadcast4(x4);
    return {{_mm256_dpbusd_avx_epi32(acc.v[0], w.v[0], x), _mm256_dpbusd_avx_epi32(acc.v[1], w.v[1], x)}};
}

HEARTH_SIMD s8x64 lookup(const std::int8_t (&table)[16], u8x64 codes) {
    const __m256i t = _mm256_xor_si256(table_of(table), _mm256_set1_epi8(static_cast<char>(0x80)));
    return {{_mm256_shuffle_epi8(t, codes.v[0]), _mm256_shuffle_epi8(t, codes.v[1])}};
}

HEARTH_SIMD i32x16 madd16(i32x16 acc, i16x32 w, const std::int16_t* x2) {
    const __m256i x = broadcast4(x2);
    return {{_mm256_dpwssd_avx_epi32(acc.v[0], w.v[0], x), _mm256_dpwssd_avx_epi32(acc.v[1], w.v[1], x)}};
}

// Sums of products with small codes, and their multiples: int32 in a lane.
struct small_dot {
    __m256i v[2];
    HEARTH_SIMD static small_dot zero() { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
    HEARTH_SIMD static small_dot begin8(const std::int32_t* begin) {
        const __m256i b = broadcast4(begin);
        return {{b, b}};
    }
    // What follows the beginning comes into upper halves, which nothing looks at.
    HEARTH_SIMD static small_dot begin16(const std::int16_t* begin) {
        const __m256i b = broadcast4(begin);
        return {{b, b}};
    }
};
struct small_scale {
    __m256i v[2];
};
template <int Top>
constexpr std::size_t small_dot_steps = 64;
// As x86_avx512 has them.
template <int Top>
constexpr std::size_t scaled_dot_steps = Top <= 15 ? 4 : 64;
template <int Top>
constexpr std::size_t calm_dot_steps = Top <= 15 ? 8 : 4;
HEARTH_SIMD small_dot step(small_dot d, u8x64 w, const std::int8_t* x4) {
    const __m256i x = broadcast4(x4);
    return {{_mm256_dpbusd_avx_epi32(d.v[0], w.v[0], x), _mm256_dpbusd_avx_epi32(d.v[1], w.v[1], x)}};
}
HEARTH_SIMD __m256i sign_extend_even(__m256i a) { return _mm256_srai_epi32(_mm256_slli_epi32(a, 16), 16); }
HEARTH_SIMD small_scale even(i16x32 a) { return {{sign_extend_even(a.v[0]), sign_extend_even(a.v[1])}}; }
HEARTH_SIMD small_scale odd(i16x32 a) { return {{_mm256_srai_epi32(a.v[0], 16), _mm256_srai_epi32(a.v[1], 16)}}; }
HEARTH_SIMD i32x16 add_dot(i32x16 acc, small_dot d) {
    return {{_mm256_add_epi32(acc.v[0], d.v[0]), _mm256_add_epi32(acc.v[1], d.v[1])}};
}
template <int Top, bool Calm>
HEARTH_SIMD i32x16 add_scaled_dot(i32x16 acc, small_scale s, small_dot d) {
    if constexpr (Calm || Top <= 15) {  // the upper half of a dot, its sign, meets 0
        const __m256i lower = _mm256_set1_epi32(0xffff);
        return {{_mm256_dpwssd_avx_epi32(acc.v[0], _mm256_and_si256(s.v[0], lower), d.v[0]),
                 _mm256_dpwssd_avx_epi32(acc.v[1], _mm256_and_si256(s.v[1], lower), d.v[1])}};
    } else {
        return {{_mm256_add_epi32(acc.v[0], _mm256_mullo_epi32(s.v[0], d.v[0])),
                 _mm256_add_epi32(acc.v[1], _mm256_mullo_epi32(s.v[1], d.v[1]))}};
    }
}

// Sizes of the tiles that suit 16 ymm registers.
constexpr std::size_t kBlockTokens = 6, kDots = 6;

}  // namespace
}  // namespace hearth::avx2vnni
