// What the instruction sets of 256 bits share: two ymm registers per value of the 16-lane machine, on AVX2 + FMA +
// F16C. The integer dot machine stands in their simd.hpp, which defines HEARTH_SIMD_ISA first. Contract:
// portable/simd_contract.hpp.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/portable/simd_contract.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

HEARTH_SIMD __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
HEARTH_SIMD __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

struct i32x16 {
    __m256i v[2];
    HEARTH_SIMD static i32x16 zero() { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
    HEARTH_SIMD static i32x16 splat(std::int32_t x) { return {{_mm256_set1_epi32(x), _mm256_set1_epi32(x)}}; }
    HEARTH_SIMD static i32x16 load(const std::int32_t* p) { return {{load256(p), load256(p + 8)}}; }
    HEARTH_SIMD static i32x16 load_u8(const std::uint8_t* p) {
        const __m128i bytes = load128(p);
        return {{_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes))}};
    }
    HEARTH_SIMD static i32x16 load_s8(const std::int8_t* p) {
        const __m128i bytes = load128(p);
        return {{_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes))}};
    }
    HEARTH_SIMD static i32x16 load_s8_n(const std::int8_t* p, std::size_t n) {
        alignas(16) std::int8_t copy[16] = {};
        for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
        return load_s8(copy);
    }
};

// All ones in the first n of eight lanes that start at lane `from`.
HEARTH_SIMD __m256i first_lanes(std::size_t n, int from) {
    const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}
HEARTH_SIMD __m256 halves_to_f32(__m128i h) { return _mm256_cvtph_ps(h); }
HEARTH_SIMD __m256 bhalves_to_f32(__m128i h) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

struct f32x16 {
    __m256 v[2];
    HEARTH_SIMD static f32x16 zero() { return {{_mm256_setzero_ps(), _mm256_setzero_ps()}}; }
    HEARTH_SIMD static f32x16 splat(float x) { return {{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }
    HEARTH_SIMD static f32x16 load(const float* p) { return {{_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}}; }
    HEARTH_SIMD static f32x16 load_n(const float* p, std::size_t n) {
        return {{_mm256_maskload_ps(p, first_lanes(n, 0)), _mm256_maskload_ps(p + 8, first_lanes(n, 8))}};
    }
    HEARTH_SIMD static f32x16 load_f16(const std::uint16_t* p) {
        return {{halves_to_f32(load128(p)), halves_to_f32(load128(p + 8))}};
    }
    HEARTH_SIMD static f32x16 load_f16_n(const std::uint16_t* p, std::size_t n) {
        alignas(32) std::uint16_t copy[16] = {};
        for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
        return load_f16(copy);
    }
    HEARTH_SIMD static f32x16 load_bf16(const std::uint16_t* p) {
        return {{bhalves_to_f32(load128(p)), bhalves_to_f32(load128(p + 8))}};
    }
};

HEARTH_SIMD void store(float* p, f32x16 a) {
    _mm256_storeu_ps(p, a.v[0]);
    _mm256_storeu_ps(p + 8, a.v[1]);
}
HEARTH_SIMD void store_n(float* p, f32x16 a, std::size_t n) {
    _mm256_maskstore_ps(p, first_lanes(n, 0), a.v[0]);
    _mm256_maskstore_ps(p + 8, first_lanes(n, 8), a.v[1]);
}
HEARTH_SIMD __m128i to_halves(__m256 a) { return _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
HEARTH_SIMD void store_f16(std::uint16_t* p, f32x16 a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_halves(a.v[0]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), to_halves(a.v[1]));
}
HEARTH_SIMD void store_f16_n(std::uint16_t* p, f32x16 a, std::size_t n) {
    alignas(32) std::uint16_t copy[16];
    store_f16(copy, a);
    for (std::size_t i = 0; i < n; ++i) p[i] = copy[i];
}
HEARTH_SIMD f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
    return {{_mm256_fmadd_ps(a.v[0], b.v[0], c.v[0]), _mm256_fmadd_ps(a.v[1], b.v[1], c.v[1])}};
}
HEARTH_SIMD f32x16 add(f32x16 a, f32x16 b) { return {{_mm256_add_ps(a.v[0], b.v[0]), _mm256_add_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 sub(f32x16 a, f32x16 b) { return {{_mm256_sub_ps(a.v[0], b.v[0]), _mm256_sub_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 mul(f32x16 a, f32x16 b) { return {{_mm256_mul_ps(a.v[0], b.v[0]), _mm256_mul_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 div(f32x16 a, f32x16 b) { return {{_mm256_div_ps(a.v[0], b.v[0]), _mm256_div_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 max(f32x16 a, f32x16 b) { return {{_mm256_max_ps(a.v[0], b.v[0]), _mm256_max_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 min(f32x16 a, f32x16 b) { return {{_mm256_min_ps(a.v[0], b.v[0]), _mm256_min_ps(a.v[1], b.v[1])}}; }
HEARTH_SIMD f32x16 neg(f32x16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {{_mm256_xor_ps(a.v[0], sign), _mm256_xor_ps(a.v[1], sign)}};
}
HEARTH_SIMD f32x16 abs(f32x16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {{_mm256_andnot_ps(sign, a.v[0]), _mm256_andnot_ps(sign, a.v[1])}};
}
HEARTH_SIMD f32x16 sqrt(f32x16 a) { return {{_mm256_sqrt_ps(a.v[0]), _mm256_sqrt_ps(a.v[1])}}; }
HEARTH_SIMD f32x16 round_even(f32x16 a) {
    return {{_mm256_round_ps(a.v[0], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
             _mm256_round_ps(a.v[1], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}};
}
HEARTH_SIMD f32x16 select_less(f32x16 a, f32x16 b, f32x16 x, f32x16 y) {
    return {{_mm256_blendv_ps(y.v[0], x.v[0], _mm256_cmp_ps(a.v[0], b.v[0], _CMP_LT_OQ)),
             _mm256_blendv_ps(y.v[1], x.v[1], _mm256_cmp_ps(a.v[1], b.v[1], _CMP_LT_OQ))}};
}
HEARTH_SIMD i32x16 to_i32(f32x16 a) { return {{_mm256_cvtps_epi32(a.v[0]), _mm256_cvtps_epi32(a.v[1])}}; }
HEARTH_SIMD f32x16 to_f32(i32x16 a) { return {{_mm256_cvtepi32_ps(a.v[0]), _mm256_cvtepi32_ps(a.v[1])}}; }
HEARTH_SIMD i32x16 bits(f32x16 a) { return {{_mm256_castps_si256(a.v[0]), _mm256_castps_si256(a.v[1])}}; }
HEARTH_SIMD f32x16 from_bits(i32x16 a) { return {{_mm256_castsi256_ps(a.v[0]), _mm256_castsi256_ps(a.v[1])}}; }
HEARTH_SIMD float fold_add(f32x16 a) {
    const __m256 l8 = _mm256_add_ps(a.v[0], a.v[1]);
    const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
    const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
    return _mm_cvtss_f32(_mm_add_ss(l2, _mm_shuffle_ps(l2, l2, 1)));
}
HEARTH_SIMD float fold_max(f32x16 a) {
    const __m256 l8 = _mm256_max_ps(a.v[0], a.v[1]);
    const __m128 l4 = _mm_max_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
    const __m128 l2 = _mm_max_ps(l4, _mm_movehl_ps(l4, l4));
    return _mm_cvtss_f32(_mm_max_ss(l2, _mm_shuffle_ps(l2, l2, 1)));
}

HEARTH_SIMD void load_pairs(const float* p, f32x16& a, f32x16& b) {
    for (int i = 0; i < 2; ++i) {
        const __m256 x = _mm256_loadu_ps(p + 16 * i), y = _mm256_loadu_ps(p + 16 * i + 8);
        const __m256 lo = _mm256_permute2f128_ps(x, y, 0x20), hi = _mm256_permute2f128_ps(x, y, 0x31);
        a.v[i] = _mm256_shuffle_ps(lo, hi, 0x88);
        b.v[i] = _mm256_shuffle_ps(lo, hi, 0xdd);
    }
}
HEARTH_SIMD void store_pairs(float* p, f32x16 a, f32x16 b) {
    for (int i = 0; i < 2; ++i) {
        const __m256 lo = _mm256_unpacklo_ps(a.v[i], b.v[i]), hi = _mm256_unpackhi_ps(a.v[i], b.v[i]);
        _mm256_storeu_ps(p + 16 * i, _mm256_permute2f128_ps(lo, hi, 0x20));
        _mm256_storeu_ps(p + 16 * i + 8, _mm256_permute2f128_ps(lo, hi, 0x31));
    }
}

HEARTH_SIMD void store(std::int32_t* p, i32x16 a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v[0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), a.v[1]);
}
HEARTH_SIMD i32x16 add(i32x16 a, i32x16 b) {
    return {{_mm256_add_epi32(a.v[0], b.v[0]), _mm256_add_epi32(a.v[1], b.v[1])}};
}
HEARTH_SIMD i32x16 sub(i32x16 a, i32x16 b) {
    return {{_mm256_sub_epi32(a.v[0], b.v[0]), _mm256_sub_epi32(a.v[1], b.v[1])}};
}
HEARTH_SIMD i32x16 mul(i32x16 a, i32x16 b) {
    return {{_mm256_mullo_epi32(a.v[0], b.v[0]), _mm256_mullo_epi32(a.v[1], b.v[1])}};
}
HEARTH_SIMD i32x16 and_(i32x16 a, i32x16 b) {
    return {{_mm256_and_si256(a.v[0], b.v[0]), _mm256_and_si256(a.v[1], b.v[1])}};
}
HEARTH_SIMD i32x16 or_(i32x16 a, i32x16 b) {
    return {{_mm256_or_si256(a.v[0], b.v[0]), _mm256_or_si256(a.v[1], b.v[1])}};
}
template <int N>
HEARTH_SIMD i32x16 shl(i32x16 a) {
    return {{_mm256_slli_epi32(a.v[0], N), _mm256_slli_epi32(a.v[1], N)}};
}
template <int N>
HEARTH_SIMD i32x16 sra(i32x16 a) {
    return {{_mm256_srai_epi32(a.v[0], N), _mm256_srai_epi32(a.v[1], N)}};
}
HEARTH_SIMD f32x16 exp2i(i32x16 n) { return from_bits(shl<23>(add(n, i32x16::splat(127)))); }
HEARTH_SIMD void store_s8(std::int8_t* p, i32x16 a) {
    // Low bytes to the front of each 128-bit half, then four dwords together.
    const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                          -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i lo = _mm256_shuffle_epi8(a.v[0], pick), hi = _mm256_shuffle_epi8(a.v[1], pick);
    const __m128i lo8 = _mm_or_si128(_mm256_castsi256_si128(lo), _mm256_extracti128_si256(lo, 1));
    const __m128i hi8 = _mm_or_si128(_mm256_castsi256_si128(hi), _mm256_extracti128_si256(hi, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_unpacklo_epi64(lo8, hi8));
}
HEARTH_SIMD std::int32_t fold_add(i32x16 a) {
    const __m256i l8 = _mm256_add_epi32(a.v[0], a.v[1]);
    const __m128i l4 = _mm_add_epi32(_mm256_castsi256_si128(l8), _mm256_extracti128_si256(l8, 1));
    const __m128i l2 = _mm_add_epi32(l4, _mm_shuffle_epi32(l4, 0x0e));
    return _mm_cvtsi128_si32(_mm_add_epi32(l2, _mm_shuffle_epi32(l2, 0x01)));
}

HEARTH_SIMD i32x16 max(i32x16 a, i32x16 b) {
    return {{_mm256_max_epi32(a.v[0], b.v[0]), _mm256_max_epi32(a.v[1], b.v[1])}};
}
HEARTH_SIMD std::int32_t fold_max(i32x16 a) {
    const __m256i l8 = _mm256_max_epi32(a.v[0], a.v[1]);
    const __m128i l4 = _mm_max_epi32(_mm256_castsi256_si128(l8), _mm256_extracti128_si256(l8, 1));
    const __m128i l2 = _mm_max_epi32(l4, _mm_shuffle_epi32(l4, 0x0e));
    return _mm_cvtsi128_si32(_mm_max_epi32(l2, _mm_shuffle_epi32(l2, 0x01)));
}

struct u8x64 {
    __m256i v[2];
    HEARTH_SIMD static u8x64 load(const std::uint8_t* p) { return {{load256(p), load256(p + 32)}}; }
};
HEARTH_SIMD void store(std::uint8_t* p, u8x64 a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v[0]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.v[1]);
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_down(u8x64 a) {
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(Mask));
    return {{_mm256_and_si256(_mm256_srli_epi16(a.v[0], Shift), mask),
             _mm256_and_si256(_mm256_srli_epi16(a.v[1], Shift), mask)}};
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_up(u8x64 a) {
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(Mask));
    return {{_mm256_and_si256(_mm256_slli_epi16(a.v[0], Shift), mask),
             _mm256_and_si256(_mm256_slli_epi16(a.v[1], Shift), mask)}};
}
// By N bits up, or by -N down.
template <int N, int Mask>
HEARTH_SIMD u8x64 move_bits(u8x64 a) {
    if constexpr (N >= 0)
        return bits_up<N, Mask>(a);
    else
        return bits_down<-N, Mask>(a);
}
HEARTH_SIMD u8x64 or_(u8x64 a, u8x64 b) { return {{_mm256_or_si256(a.v[0], b.v[0]), _mm256_or_si256(a.v[1], b.v[1])}}; }

HEARTH_SIMD __m256i table_of(const void* table) { return _mm256_broadcastsi128_si256(load128(table)); }
HEARTH_SIMD u8x64 lookup(const std::uint8_t (&table)[16], u8x64 codes) {
    const __m256i t = table_of(table);
    return {{_mm256_shuffle_epi8(t, codes.v[0]), _mm256_shuffle_epi8(t, codes.v[1])}};
}

HEARTH_SIMD __m256i broadcast4(const void* p) {
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
}

struct i16x32 {
    __m256i v[2];
    HEARTH_SIMD static i16x32 load_u8(const std::uint8_t* p) {
        return {{_mm256_cvtepu8_epi16(load128(p)), _mm256_cvtepu8_epi16(load128(p + 16))}};
    }
    HEARTH_SIMD static i16x32 load_s8(const std::int8_t* p) {
        return {{_mm256_cvtepi8_epi16(load128(p)), _mm256_cvtepi8_epi16(load128(p + 16))}};
    }
};

// Sizes of the float tiles that suit 16 ymm registers.
constexpr std::size_t kFloatTokens = 6, kFloatSums = 6;

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
