// The 16-lane machine on AVX-512: one zmm register per value. Contract of every function: portable/simd_contract.hpp.
// Sets that build on it define HEARTH_SIMD_ISA first.
#pragma once

// GCC 12 warns of its own _mm512_undefined_ps() wherever an intrinsic is inlined (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstddef>
#include <cstdint>

#include "kernels/portable/simd_contract.hpp"

#ifndef HEARTH_SIMD_ISA
#define HEARTH_SIMD_ISA avx512
#endif

namespace hearth::HEARTH_SIMD_ISA {
namespace {

HEARTH_SIMD __mmask16 first_lanes(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

struct i32x16 {
    __m512i v;
    HEARTH_SIMD static i32x16 zero() { return {_mm512_setzero_si512()}; }
    HEARTH_SIMD static i32x16 splat(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
    HEARTH_SIMD static i32x16 load(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
    HEARTH_SIMD static i32x16 load_u8(const std::uint8_t* p) {
        return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
    }
    HEARTH_SIMD static i32x16 load_s8(const std::int8_t* p) {
        return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
    }
    HEARTH_SIMD static i32x16 load_s8_n(const std::int8_t* p, std::size_t n) {
        return {_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first_lanes(n), p))};
    }
};

struct f32x16 {
    __m512 v;
    HEARTH_SIMD static f32x16 zero() { return {_mm512_setzero_ps()}; }
    HEARTH_SIMD static f32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
    HEARTH_SIMD static f32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
    HEARTH_SIMD static f32x16 load_n(const float* p, std::size_t n) {
        return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
    }
    HEARTH_SIMD static f32x16 load_f16(const std::uint16_t* p) {
        return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    HEARTH_SIMD static f32x16 load_f16_n(const std::uint16_t* p, std::size_t n) {
        return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p))};
    }
    HEARTH_SIMD static f32x16 load_bf16(const std::uint16_t* p) {
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
        return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
    }
};

HEARTH_SIMD void store(float* p, f32x16 a) { _mm512_storeu_ps(p, a.v); }
HEARTH_SIMD void store_n(float* p, f32x16 a, std::size_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
HEARTH_SIMD void store_f16(std::uint16_t* p, f32x16 a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
HEARTH_SIMD void store_f16_n(std::uint16_t* p, f32x16 a, std::size_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
HEARTH_SIMD f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
HEARTH_SIMD f32x16 add(f32x16 a, f32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 sub(f32x16 a, f32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 mul(f32x16 a, f32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 div(f32x16 a, f32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 max(f32x16 a, f32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 min(f32x16 a, f32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
HEARTH_SIMD f32x16 neg(f32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
HEARTH_SIMD f32x16 abs(f32x16 a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
HEARTH_SIMD f32x16 sqrt(f32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
HEARTH_SIMD f32x16 round_even(f32x16 a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
HEARTH_SIMD f32x16 select_less(f32x16 a, f32x16 b, f32x16 x, f32x16 y) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), y.v, x.v)};
}
HEARTH_SIMD i32x16 to_i32(f32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
HEARTH_SIMD f32x16 to_f32(i32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
HEARTH_SIMD i32x16 bits(f32x16 a) { return {_mm512_castps_si512(a.v)}; }
HEARTH_SIMD f32x16 from_bits(i32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
HEARTH_SIMD float fold_add(f32x16 a) {
    const __m256 l8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
    const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
    return _mm_cvtss_f32(_mm_add_ss(l2, _mm_shuffle_ps(l2, l2, 1)));
}
HEARTH_SIMD float fold_max(f32x16 a) {
    const __m256 l8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 l4 = _mm_max_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
    const __m128 l2 = _mm_max_ps(l4, _mm_movehl_ps(l4, l4));
    return _mm_cvtss_f32(_mm_max_ss(l2, _mm_shuffle_ps(l2, l2, 1)));
}

HEARTH_SIMD void load_pairs(const float* p, f32x16& a, f32x16& b) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512 lo = _mm512_loadu_ps(p), hi = _mm512_loadu_ps(p + 16);
    a.v = _mm512_permutex2var_ps(lo, even, hi);
    b.v = _mm512_permutex2var_ps(lo, _mm512_add_epi32(even, _mm512_set1_epi32(1)), hi);
}
HEARTH_SIMD void store_pairs(float* p, f32x16 a, f32x16 b) {
    const __m512i zip = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_ps(p, _mm512_permutex2var_ps(a.v, zip, b.v));
    _mm512_storeu_ps(p + 16, _mm512_permutex2var_ps(a.v, _mm512_add_epi32(zip, _mm512_set1_epi32(8)), b.v));
}

HEARTH_SIMD void store(std::int32_t* p, i32x16 a) { _mm512_storeu_si512(p, a.v); }
HEARTH_SIMD i32x16 add(i32x16 a, i32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
HEARTH_SIMD i32x16 sub(i32x16 a, i32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
HEARTH_SIMD i32x16 mul(i32x16 a, i32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
HEARTH_SIMD i32x16 and_(i32x16 a, i32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
HEARTH_SIMD i32x16 or_(i32x16 a, i32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int N>
HEARTH_SIMD i32x16 shl(i32x16 a) {
    return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
HEARTH_SIMD i32x16 sra(i32x16 a) {
    return {_mm512_srai_epi32(a.v, N)};
}
HEARTH_SIMD f32x16 exp2i(i32x16 n) { return from_bits(shl<23>(add(n, i32x16::splat(127)))); }
HEARTH_SIMD void store_s8(std::int8_t* p, i32x16 a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
HEARTH_SIMD std::int32_t fold_add(i32x16 a) {
    const __m256i l8 = _mm256_add_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti64x4_epi64(a.v, 1));
    const __m128i l4 = _mm_add_epi32(_mm256_castsi256_si128(l8), _mm256_extracti128_si256(l8, 1));
    const __m128i l2 = _mm_add_epi32(l4, _mm_shuffle_epi32(l4, 0x0e));
    return _mm_cvtsi128_si32(_mm_add_epi32(l2, _mm_shuffle_epi32(l2, 0x01)));
}

HEARTH_SIMD i32x16 max(i32x16 a, i32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
HEARTH_SIMD std::int32_t fold_max(i32x16 a) {
    const __m256i l8 = _mm256_max_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti64x4_epi64(a.v, 1));
    const __m128i l4 = _mm_max_epi32(_mm256_castsi256_si128(l8), _mm256_extracti128_si256(l8, 1));
    const __m128i l2 = _mm_max_epi32(l4, _mm_shuffle_epi32(l4, 0x0e));
    return _mm_cvtsi128_si32(_mm_max_epi32(l2, _mm_shuffle_epi32(l2, 0x01)));
}

struct u8x64 {
    __m512i v;
    HEARTH_SIMD static u8x64 load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
};
HEARTH_SIMD void store(std::uint8_t* p, u8x64 a) { _mm512_storeu_si512(p, a.v); }
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_down(u8x64 a) {
    return {_mm512_and_si512(_mm512_srli_epi16(a.v, Shift), _mm512_set1_epi8(static_cast<char>(Mask)))};
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_up(u8x64 a) {
    return {_mm512_and_si512(_mm512_slli_epi16(a.v, Shift), _mm512_set1_epi8(static_cast<char>(Mask)))};
}
// By N bits up, or by -N down.
template <int N, int Mask>
HEARTH_SIMD u8x64 move_bits(u8x64 a) {
    if constexpr (N >= 0)
        return bits_up<N, Mask>(a);
    else
        return bits_down<-N, Mask>(a);
}
HEARTH_SIMD u8x64 or_(u8x64 a, u8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }

HEARTH_SIMD __m512i broadcast4(const void* p) {
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
}
// Products with four activations that the instruction itself broadcasts; GCC 12 would load each into a register first.
struct bytes4 {
    std::int8_t v[4];
};
HEARTH_SIMD __m512i dpbusd(__m512i acc, __m512i w, const void* x4) {
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(w), "m"(*static_cast<const bytes4*>(x4)));
    return acc;
}
HEARTH_SIMD i32x16 dot4(i32x16 acc, u8x64 w, const std::int8_t* x4) { return {dpbusd(acc.v, w.v, x4)}; }

// vpdpbusd wants unsigned weights: the offset of 128 comes off at the start of the sum.
struct s8x64 {
    __m512i v;
    HEARTH_SIMD static s8x64 load_offset(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
};
HEARTH_SIMD i32x16 dot4_start(std::int32_t sum_x) { return i32x16::splat(-128 * sum_x); }
HEARTH_SIMD i32x16 dot4_begin(const std::int32_t* begin128) { return {broadcast4(begin128)}; }
HEARTH_SIMD i32x16 dot4(i32x16 acc, s8x64 w, const std::int8_t* x4) { return {dpbusd(acc.v, w.v, x4)}; }

HEARTH_SIMD __m512i table_of(const void* table) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(table)));
}
HEARTH_SIMD u8x64 lookup(const std::uint8_t (&table)[16], u8x64 codes) {
    return {_mm512_shuffle_epi8(table_of(table), codes.v)};
}
HEARTH_SIMD s8x64 lookup(const std::int8_t (&table)[16], u8x64 codes) {
    const __m512i offset = _mm512_set1_epi8(static_cast<char>(0x80));
    return {_mm512_shuffle_epi8(_mm512_xor_si512(table_of(table), offset), codes.v)};
}

struct i16x32 {
    __m512i v;
    HEARTH_SIMD static i16x32 load_u8(const std::uint8_t* p) {
        return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    HEARTH_SIMD static i16x32 load_s8(const std::int8_t* p) {
        return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
};
HEARTH_SIMD i32x16 madd16(i32x16 acc, i16x32 w, const std::int16_t* x2) {
    return {_mm512_dpwssd_epi32(acc.v, w.v, broadcast4(x2))};
}

// Sums of products with small codes, and their multiples: int32 in a lane.
struct small_dot {
    __m512i v;
    HEARTH_SIMD static small_dot zero() { return {_mm512_setzero_si512()}; }
    HEARTH_SIMD static small_dot begin8(const std::int32_t* begin) { return {broadcast4(begin)}; }
    // What follows the beginning comes into upper halves, which nothing looks at.
    HEARTH_SIMD static small_dot begin16(const std::int16_t* begin) { return {broadcast4(begin)}; }
};
struct small_scale {
    __m512i v;
};
template <int Top>
constexpr std::size_t small_dot_steps = 64;
// 16 products with codes of up to 15 stay within 16 bits, as vpdpwssd wants them: 16 * 15 * 127 = 30480. It stands for
// an addition and a vpmulld, which is two operations on the one port of Intel's cores. Of calm activations so do 32
// products: 15 * 2 * 1023 = 30690; 16 with codes of up to 31: 31713, and with those of 63 less 32: 32736.
template <int Top>
constexpr std::size_t scaled_dot_steps = Top <= 15 ? 4 : 64;
template <int Top>
constexpr std::size_t calm_dot_steps = Top <= 15 ? 8 : 4;
HEARTH_SIMD small_dot step(small_dot d, u8x64 w, const std::int8_t* x4) { return {dpbusd(d.v, w.v, x4)}; }
HEARTH_SIMD small_scale even(i16x32 a) { return {_mm512_srai_epi32(_mm512_slli_epi32(a.v, 16), 16)}; }
HEARTH_SIMD small_scale odd(i16x32 a) { return {_mm512_srai_epi32(a.v, 16)}; }
HEARTH_SIMD i32x16 add_dot(i32x16 acc, small_dot d) { return {_mm512_add_epi32(acc.v, d.v)}; }
template <int Top, bool Calm>
HEARTH_SIMD i32x16 add_scaled_dot(i32x16 acc, small_scale s, small_dot d) {
    if constexpr (Calm || Top <= 15)  // the upper half of a dot, its sign, meets 0
        return {_mm512_dpwssd_epi32(acc.v, _mm512_and_si512(s.v, _mm512_set1_epi32(0xffff)), d.v)};
    else
        return {_mm512_add_epi32(acc.v, _mm512_mullo_epi32(s.v, d.v))};
}

// Sizes of the tiles that suit 32 zmm registers.
constexpr std::size_t kBlockTokens = 8, kDots = 8;
constexpr std::size_t kFloatTokens = 8, kFloatSums = 24;

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
