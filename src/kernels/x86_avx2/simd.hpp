// The 16-lane machine on AVX2 + FMA + F16C. Contract: portable/simd_contract.hpp.
#pragma once

#define HEARTH_SIMD_ISA avx2

#include "kernels/x86_avx2/lanes.hpp"

namespace hearth::avx2 {
namespace {

// vpmaddubsw saturates at 16 bits: two products of at most 127 * 127 cannot reach that.
HEARTH_SIMD __m256i dot4_half(__m256i acc, __m256i w, __m256i x) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
HEARTH_SIMD i32x16 dot4(i32x16 acc, u8x64 w, const std::int8_t* x4) {
    const __m256i x = broadcast4(x4);
    return {{dot4_half(acc.v[0], w.v[0], x), dot4_half(acc.v[1], w.v[1], x)}};
}

// |w| times x with the sign of w: products of at most 128 * 127, two of them below 2^15.
struct s8x64 {
    __m256i v[2], magnitude[2];
    HEARTH_SIMD static s8x64 load_offset(const std::uint8_t* p) {
        const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80));
        const __m256i lo = _mm256_xor_si256(load256(p), flip), hi = _mm256_xor_si256(load256(p + 32), flip);
        return {{lo, hi}, {_mm256_abs_epi8(lo), _mm256_abs_epi8(hi)}};
    }
};
HEARTH_SIMD i32x16 dot4_start(std::int32_t) { return i32x16::zero(); }
HEARTH_SIMD i32x16 dot4_begin(const std::int32_t*) { return i32x16::zero(); }
HEARTH_SIMD i32x16 dot4(i32x16 acc, s8x64 w, const std::int8_t* x4) {
    const __m256i x = broadcast4(x4);
    return {{dot4_half(acc.v[0], w.magnitude[0], _mm256_sign_epi8(x, w.v[0])),
             dot4_half(acc.v[1], w.magnitude[1], _mm256_sign_epi8(x, w.v[1]))}};
}

HEARTH_SIMD s8x64 lookup(const std::int8_t (&table)[16], u8x64 codes) {
    const __m256i t = table_of(table);
    const __m256i lo = _mm256_shuffle_epi8(t, codes.v[0]), hi = _mm256_shuffle_epi8(t, codes.v[1]);
    return {{lo, hi}, {_mm256_abs_epi8(lo), _mm256_abs_epi8(hi)}};
}

HEARTH_SIMD i32x16 madd16(i32x16 acc, i16x32 w, const std::int16_t* x2) {
    const __m256i x = broadcast4(x2);
    return {{_mm256_add_epi32(acc.v[0], _mm256_madd_epi16(w.v[0], x)),
             _mm256_add_epi32(acc.v[1], _mm256_madd_epi16(w.v[1], x))}};
}

// Sums of products with small codes as pairs in int16: 16 products of 15 * 127 (8 of 31, 4 of 63) fit into one. The
// multiply-add of the scale, doubled in each pair, widens them.
struct small_dot {
    __m256i v[2];
    HEARTH_SIMD static small_dot zero() { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
};
struct small_scale {
    __m256i v[2];
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
    const __m256i x = broadcast4(x4);
    return {{_mm256_add_epi16(d.v[0], _mm256_maddubs_epi16(w.v[0], x)),
             _mm256_add_epi16(d.v[1], _mm256_maddubs_epi16(w.v[1], x))}};
}
HEARTH_SIMD __m256i double_even(__m256i a) {
    return _mm256_shuffle_epi8(
        a, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13)));
}
HEARTH_SIMD __m256i double_odd(__m256i a) {
    return _mm256_shuffle_epi8(
        a, _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15)));
}
HEARTH_SIMD small_scale even(i16x32 a) { return {{double_even(a.v[0]), double_even(a.v[1])}}; }
HEARTH_SIMD small_scale odd(i16x32 a) { return {{double_odd(a.v[0]), double_odd(a.v[1])}}; }
template <int Top, bool>
HEARTH_SIMD i32x16 add_scaled_dot(i32x16 acc, small_scale s, small_dot d) {
    return {{_mm256_add_epi32(acc.v[0], _mm256_madd_epi16(s.v[0], d.v[0])),
             _mm256_add_epi32(acc.v[1], _mm256_madd_epi16(s.v[1], d.v[1]))}};
}
HEARTH_SIMD i32x16 add_dot(i32x16 acc, small_dot d) {
    const __m256i one = _mm256_set1_epi16(1);
    return add_scaled_dot<63, false>(acc, {{one, one}}, d);
}

// Sizes of the tiles that suit 16 ymm registers.
constexpr std::size_t kBlockTokens = 4, kDots = 4;

}  // namespace
}  // namespace hearth::avx2
