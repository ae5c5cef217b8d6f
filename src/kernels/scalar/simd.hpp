// The 16-lane machine in plain C++: arrays and loops. Contract of every function: portable/simd_contract.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/base/half.hpp"
#include "kernels/portable/simd_contract.hpp"

#define HEARTH_SIMD_ISA scalar

// The body of a function of lanes: lane i of the result (a `type`) is `expression`.
#define HEARTH_EACH_LANE(type, expression)                           \
    type result;                                                     \
    for (std::size_t i = 0; i < 16; ++i) result.v[i] = (expression); \
    return result

namespace hearth::scalar {
namespace {

struct i32x16 {
    std::int32_t v[16];
    HEARTH_SIMD static i32x16 splat(std::int32_t x) { HEARTH_EACH_LANE(i32x16, x); }
    HEARTH_SIMD static i32x16 zero() { return splat(0); }
    HEARTH_SIMD static i32x16 load(const std::int32_t* p) { HEARTH_EACH_LANE(i32x16, p[i]); }
};

struct f32x16 {
    float v[16];
    HEARTH_SIMD static f32x16 splat(float x) { HEARTH_EACH_LANE(f32x16, x); }
    HEARTH_SIMD static f32x16 zero() { return splat(0.0f); }
    HEARTH_SIMD static f32x16 load(const float* p) { HEARTH_EACH_LANE(f32x16, p[i]); }
    HEARTH_SIMD static f32x16 load_n(const float* p, std::size_t n) { HEARTH_EACH_LANE(f32x16, i < n ? p[i] : 0.0f); }
    HEARTH_SIMD static f32x16 load_f16(const std::uint16_t* p) { HEARTH_EACH_LANE(f32x16, f16_to_f32(p[i])); }
    HEARTH_SIMD static f32x16 load_f16_n(const std::uint16_t* p, std::size_t n) {
        HEARTH_EACH_LANE(f32x16, i < n ? f16_to_f32(p[i]) : 0.0f);
    }
    HEARTH_SIMD static f32x16 load_bf16(const std::uint16_t* p) { HEARTH_EACH_LANE(f32x16, bf16_to_f32(p[i])); }
};

HEARTH_SIMD void store_n(float* p, f32x16 a, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) p[i] = a.v[i];
}
HEARTH_SIMD void store(float* p, f32x16 a) { store_n(p, a, 16); }
HEARTH_SIMD void store_f16_n(std::uint16_t* p, f32x16 a, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) p[i] = f32_to_f16(a.v[i]);
}
HEARTH_SIMD void store_f16(std::uint16_t* p, f32x16 a) { store_f16_n(p, a, 16); }
HEARTH_SIMD f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
    HEARTH_EACH_LANE(f32x16, __builtin_fmaf(a.v[i], b.v[i], c.v[i]));
}
HEARTH_SIMD f32x16 add(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] + b.v[i]); }
HEARTH_SIMD f32x16 sub(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] - b.v[i]); }
HEARTH_SIMD f32x16 mul(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] * b.v[i]); }
HEARTH_SIMD f32x16 div(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] / b.v[i]); }
HEARTH_SIMD f32x16 max(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
HEARTH_SIMD f32x16 min(f32x16 a, f32x16 b) { HEARTH_EACH_LANE(f32x16, a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
HEARTH_SIMD f32x16 neg(f32x16 a) { HEARTH_EACH_LANE(f32x16, -a.v[i]); }
HEARTH_SIMD f32x16 abs(f32x16 a) { HEARTH_EACH_LANE(f32x16, __builtin_fabsf(a.v[i])); }
HEARTH_SIMD f32x16 sqrt(f32x16 a) { HEARTH_EACH_LANE(f32x16, __builtin_sqrtf(a.v[i])); }
HEARTH_SIMD f32x16 round_even(f32x16 a) { HEARTH_EACH_LANE(f32x16, __builtin_rintf(a.v[i])); }
HEARTH_SIMD f32x16 select_less(f32x16 a, f32x16 b, f32x16 x, f32x16 y) {
    HEARTH_EACH_LANE(f32x16, a.v[i] < b.v[i] ? x.v[i] : y.v[i]);
}
HEARTH_SIMD i32x16 to_i32(f32x16 a) { HEARTH_EACH_LANE(i32x16, static_cast<std::int32_t>(__builtin_rintf(a.v[i]))); }
HEARTH_SIMD f32x16 to_f32(i32x16 a) { HEARTH_EACH_LANE(f32x16, static_cast<float>(a.v[i])); }
HEARTH_SIMD i32x16 bits(f32x16 a) { HEARTH_EACH_LANE(i32x16, std::bit_cast<std::int32_t>(a.v[i])); }
HEARTH_SIMD f32x16 from_bits(i32x16 a) { HEARTH_EACH_LANE(f32x16, std::bit_cast<float>(a.v[i])); }
HEARTH_SIMD float fold_add(f32x16 a) {
    for (std::size_t half = 8; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) a.v[i] = a.v[i] + a.v[i + half];
    return a.v[0];
}
HEARTH_SIMD float fold_max(f32x16 a) {
    for (std::size_t half = 8; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) a.v[i] = a.v[i] > a.v[i + half] ? a.v[i] : a.v[i + half];
    return a.v[0];
}

HEARTH_SIMD void load_pairs(const float* p, f32x16& a, f32x16& b) {
    for (std::size_t i = 0; i < 16; ++i) {
        a.v[i] = p[2 * i];
        b.v[i] = p[2 * i + 1];
    }
}
HEARTH_SIMD void store_pairs(float* p, f32x16 a, f32x16 b) {
    for (std::size_t i = 0; i < 16; ++i) {
        p[2 * i] = a.v[i];
        p[2 * i + 1] = b.v[i];
    }
}

// Unsigned inside: the 32-bit results of the machine wrap.
HEARTH_SIMD std::uint32_t wrap(std::int32_t x) { return static_cast<std::uint32_t>(x); }
HEARTH_SIMD void store(std::int32_t* p, i32x16 a) { __builtin_memcpy(p, a.v, sizeof a.v); }
HEARTH_SIMD void store_s8(std::int8_t* p, i32x16 a) {
    for (std::size_t i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(a.v[i]);
}
HEARTH_SIMD i32x16 add(i32x16 a, i32x16 b) {
    HEARTH_EACH_LANE(i32x16, static_cast<std::int32_t>(wrap(a.v[i]) + wrap(b.v[i])));
}
HEARTH_SIMD i32x16 sub(i32x16 a, i32x16 b) {
    HEARTH_EACH_LANE(i32x16, static_cast<std::int32_t>(wrap(a.v[i]) - wrap(b.v[i])));
}
HEARTH_SIMD i32x16 mul(i32x16 a, i32x16 b) {
    HEARTH_EACH_LANE(i32x16, static_cast<std::int32_t>(wrap(a.v[i]) * wrap(b.v[i])));
}
HEARTH_SIMD i32x16 and_(i32x16 a, i32x16 b) { HEARTH_EACH_LANE(i32x16, a.v[i] & b.v[i]); }
HEARTH_SIMD i32x16 or_(i32x16 a, i32x16 b) { HEARTH_EACH_LANE(i32x16, a.v[i] | b.v[i]); }
template <int N>
HEARTH_SIMD i32x16 shl(i32x16 a) {
    HEARTH_EACH_LANE(i32x16, static_cast<std::int32_t>(wrap(a.v[i]) << N));
}
template <int N>
HEARTH_SIMD i32x16 sra(i32x16 a) {
    HEARTH_EACH_LANE(i32x16, a.v[i] >> N);
}
HEARTH_SIMD f32x16 exp2i(i32x16 n) { return from_bits(shl<23>(add(n, i32x16::splat(127)))); }
HEARTH_SIMD std::int32_t fold_add(i32x16 a) {
    std::uint32_t sum = 0;
    for (std::int32_t l : a.v) sum += wrap(l);
    return static_cast<std::int32_t>(sum);
}

HEARTH_SIMD i32x16 max(i32x16 a, i32x16 b) { HEARTH_EACH_LANE(i32x16, a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
HEARTH_SIMD std::int32_t fold_max(i32x16 a) {
    std::int32_t top = a.v[0];
    for (std::int32_t l : a.v) top = l > top ? l : top;
    return top;
}

struct u8x64 {
    std::uint8_t v[64];
    HEARTH_SIMD static u8x64 load(const std::uint8_t* p) {
        u8x64 r;
        __builtin_memcpy(r.v, p, sizeof r.v);
        return r;
    }
};
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_down(u8x64 a) {
    for (std::uint8_t& b : a.v) b = static_cast<std::uint8_t>((b >> Shift) & Mask);
    return a;
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_up(u8x64 a) {
    for (std::uint8_t& b : a.v) b = static_cast<std::uint8_t>((b << Shift) & Mask);
    return a;
}
HEARTH_SIMD u8x64 or_(u8x64 a, u8x64 b) {
    for (std::size_t i = 0; i < 64; ++i) a.v[i] = static_cast<std::uint8_t>(a.v[i] | b.v[i]);
    return a;
}
HEARTH_SIMD i32x16 dot4(i32x16 acc, u8x64 w, const std::int8_t* x4) {
    for (std::size_t i = 0; i < 64; ++i) acc.v[i / 4] += w.v[i] * x4[i % 4];
    return acc;
}

struct s8x64 {
    std::int8_t v[64];
    HEARTH_SIMD static s8x64 load_offset(const std::uint8_t* p) {
        s8x64 r;
        for (std::size_t i = 0; i < 64; ++i) r.v[i] = static_cast<std::int8_t>(p[i] - 128);
        return r;
    }
};
HEARTH_SIMD i32x16 dot4_start(std::int32_t) { return i32x16::zero(); }
HEARTH_SIMD i32x16 dot4(i32x16 acc, s8x64 w, const std::int8_t* x4) {
    for (std::size_t i = 0; i < 64; ++i) acc.v[i / 4] += w.v[i] * x4[i % 4];
    return acc;
}

struct i16x32 {
    std::int16_t v[32];
    HEARTH_SIMD static i16x32 load_u8(const std::uint8_t* p) {
        i16x32 r;
        for (std::size_t i = 0; i < 32; ++i) r.v[i] = p[i];
        return r;
    }
    HEARTH_SIMD static i16x32 load_s8(const std::int8_t* p) {
        i16x32 r;
        for (std::size_t i = 0; i < 32; ++i) r.v[i] = p[i];
        return r;
    }
};
HEARTH_SIMD i32x16 madd16(i32x16 acc, i16x32 w, const std::int16_t* x2) {
    for (std::size_t i = 0; i < 32; ++i) acc.v[i / 2] += w.v[i] * x2[i % 2];
    return acc;
}

HEARTH_SIMD void prefetch(const void* p) { __builtin_prefetch(p); }

}  // namespace
}  // namespace hearth::scalar

#undef HEARTH_EACH_LANE
