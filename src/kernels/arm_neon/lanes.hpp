// The part of the 16-lane machine that every Arm instruction set shares: four q registers per value, baseline Armv8.0.
// Contract: portable/simd_contract.hpp. Included by <isa folder>/simd.hpp after it defines HEARTH_SIMD_ISA.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/portable/simd_contract.hpp"

// The body of a function of lanes (undefined again by simd.hpp): register i of the result (a `type`) is `expression`.
#define HEARTH_EACH_QUARTER(type, expression)                       \
    type result;                                                    \
    for (std::size_t i = 0; i < 4; ++i) result.v[i] = (expression); \
    return result

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct i32x16 {
    int32x4_t v[4];
    HEARTH_SIMD static i32x16 splat(std::int32_t x) { HEARTH_EACH_QUARTER(i32x16, vdupq_n_s32(x)); }
    HEARTH_SIMD static i32x16 zero() { return splat(0); }
    HEARTH_SIMD static i32x16 load(const std::int32_t* p) { HEARTH_EACH_QUARTER(i32x16, vld1q_s32(p + 4 * i)); }
    HEARTH_SIMD static i32x16 load_u8(const std::uint8_t* p) {
        const uint8x16_t bytes = vld1q_u8(p);
        const uint16x8_t wide[2] = {vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)};
        HEARTH_EACH_QUARTER(i32x16, vreinterpretq_s32_u32(i % 2 == 0 ? vmovl_u16(vget_low_u16(wide[i / 2]))
                                                                     : vmovl_high_u16(wide[i / 2])));
    }
    HEARTH_SIMD static i32x16 load_s8(const std::int8_t* p) {
        const int8x16_t bytes = vld1q_s8(p);
        const int16x8_t wide[2] = {vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
        HEARTH_EACH_QUARTER(i32x16, i % 2 == 0 ? vmovl_s16(vget_low_s16(wide[i / 2])) : vmovl_high_s16(wide[i / 2]));
    }
    HEARTH_SIMD static i32x16 load_s8_n(const std::int8_t* p, std::size_t n) {
        std::int8_t copy[16] = {};
        for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
        return load_s8(copy);
    }
};

HEARTH_SIMD float32x4_t halves_to_f32(uint16x4_t h) { return vcvt_f32_f16(vreinterpret_f16_u16(h)); }

struct f32x16 {
    float32x4_t v[4];
    HEARTH_SIMD static f32x16 splat(float x) { HEARTH_EACH_QUARTER(f32x16, vdupq_n_f32(x)); }
    HEARTH_SIMD static f32x16 zero() { return splat(0.0f); }
    HEARTH_SIMD static f32x16 load(const float* p) { HEARTH_EACH_QUARTER(f32x16, vld1q_f32(p + 4 * i)); }
    HEARTH_SIMD static f32x16 load_n(const float* p, std::size_t n) {
        float copy[16] = {};
        for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
        return load(copy);
    }
    HEARTH_SIMD static f32x16 load_f16(const std::uint16_t* p) {
        HEARTH_EACH_QUARTER(f32x16, halves_to_f32(vld1_u16(p + 4 * i)));
    }
    HEARTH_SIMD static f32x16 load_f16_n(const std::uint16_t* p, std::size_t n) {
        std::uint16_t copy[16] = {};
        for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
        return load_f16(copy);
    }
    HEARTH_SIMD static f32x16 load_bf16(const std::uint16_t* p) {
        HEARTH_EACH_QUARTER(f32x16, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)));
    }
};

HEARTH_SIMD void store(float* p, f32x16 a) {
    for (std::size_t i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
HEARTH_SIMD void store_n(float* p, f32x16 a, std::size_t n) {
    float copy[16];
    store(copy, a);
    for (std::size_t i = 0; i < n; ++i) p[i] = copy[i];
}
HEARTH_SIMD void store_f16(std::uint16_t* p, f32x16 a) {
    for (std::size_t i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.v[i])));
}
HEARTH_SIMD void store_f16_n(std::uint16_t* p, f32x16 a, std::size_t n) {
    std::uint16_t copy[16];
    store_f16(copy, a);
    for (std::size_t i = 0; i < n; ++i) p[i] = copy[i];
}
HEARTH_SIMD f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { HEARTH_EACH_QUARTER(f32x16, vfmaq_f32(c.v[i], a.v[i], b.v[i])); }
HEARTH_SIMD f32x16 add(f32x16 a, f32x16 b) { HEARTH_EACH_QUARTER(f32x16, vaddq_f32(a.v[i], b.v[i])); }
HEARTH_SIMD f32x16 sub(f32x16 a, f32x16 b) { HEARTH_EACH_QUARTER(f32x16, vsubq_f32(a.v[i], b.v[i])); }
HEARTH_SIMD f32x16 mul(f32x16 a, f32x16 b) { HEARTH_EACH_QUARTER(f32x16, vmulq_f32(a.v[i], b.v[i])); }
HEARTH_SIMD f32x16 div(f32x16 a, f32x16 b) { HEARTH_EACH_QUARTER(f32x16, vdivq_f32(a.v[i], b.v[i])); }
// Not vmaxq_f32 and vminq_f32, which order zeros by sign and pass NaN on from either side.
HEARTH_SIMD f32x16 max(f32x16 a, f32x16 b) {
    HEARTH_EACH_QUARTER(f32x16, vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]));
}
HEARTH_SIMD f32x16 min(f32x16 a, f32x16 b) {
    HEARTH_EACH_QUARTER(f32x16, vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]));
}
HEARTH_SIMD f32x16 neg(f32x16 a) { HEARTH_EACH_QUARTER(f32x16, vnegq_f32(a.v[i])); }
HEARTH_SIMD f32x16 abs(f32x16 a) { HEARTH_EACH_QUARTER(f32x16, vabsq_f32(a.v[i])); }
HEARTH_SIMD f32x16 sqrt(f32x16 a) { HEARTH_EACH_QUARTER(f32x16, vsqrtq_f32(a.v[i])); }
HEARTH_SIMD f32x16 round_even(f32x16 a) { HEARTH_EACH_QUARTER(f32x16, vrndnq_f32(a.v[i])); }
HEARTH_SIMD f32x16 select_less(f32x16 a, f32x16 b, f32x16 x, f32x16 y) {
    HEARTH_EACH_QUARTER(f32x16, vbslq_f32(vcltq_f32(a.v[i], b.v[i]), x.v[i], y.v[i]));
}
HEARTH_SIMD i32x16 to_i32(f32x16 a) { HEARTH_EACH_QUARTER(i32x16, vcvtnq_s32_f32(a.v[i])); }
HEARTH_SIMD f32x16 to_f32(i32x16 a) { HEARTH_EACH_QUARTER(f32x16, vcvtq_f32_s32(a.v[i])); }
HEARTH_SIMD i32x16 bits(f32x16 a) { HEARTH_EACH_QUARTER(i32x16, vreinterpretq_s32_f32(a.v[i])); }
HEARTH_SIMD f32x16 from_bits(i32x16 a) { HEARTH_EACH_QUARTER(f32x16, vreinterpretq_f32_s32(a.v[i])); }
HEARTH_SIMD float fold_add(f32x16 a) {
    const float32x4_t l4 = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
    const float32x2_t l2 = vadd_f32(vget_low_f32(l4), vget_high_f32(l4));
    return vget_lane_f32(l2, 0) + vget_lane_f32(l2, 1);
}
HEARTH_SIMD float fold_max(f32x16 a) {
    float l[16];
    store(l, a);
    for (std::size_t half = 8; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) l[i] = l[i] > l[i + half] ? l[i] : l[i + half];
    return l[0];
}

HEARTH_SIMD void load_pairs(const float* p, f32x16& a, f32x16& b) {
    for (std::size_t i = 0; i < 4; ++i) {
        const float32x4x2_t pairs = vld2q_f32(p + 8 * i);
        a.v[i] = pairs.val[0];
        b.v[i] = pairs.val[1];
    }
}
HEARTH_SIMD void store_pairs(float* p, f32x16 a, f32x16 b) {
    for (std::size_t i = 0; i < 4; ++i) {
        const float32x4x2_t pairs = {{a.v[i], b.v[i]}};  // clang's vst2q_f32 is a macro, to which braces are no bracket
        vst2q_f32(p + 8 * i, pairs);
    }
}

HEARTH_SIMD void store(std::int32_t* p, i32x16 a) {
    for (std::size_t i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, a.v[i]);
}
HEARTH_SIMD i32x16 add(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vaddq_s32(a.v[i], b.v[i])); }
HEARTH_SIMD i32x16 sub(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vsubq_s32(a.v[i], b.v[i])); }
HEARTH_SIMD i32x16 mul(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vmulq_s32(a.v[i], b.v[i])); }
HEARTH_SIMD i32x16 and_(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vandq_s32(a.v[i], b.v[i])); }
HEARTH_SIMD i32x16 or_(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vorrq_s32(a.v[i], b.v[i])); }
template <int N>
HEARTH_SIMD i32x16 shl(i32x16 a) {
    HEARTH_EACH_QUARTER(i32x16, vshlq_n_s32(a.v[i], N));
}
template <int N>
HEARTH_SIMD i32x16 sra(i32x16 a) {
    HEARTH_EACH_QUARTER(i32x16, vshrq_n_s32(a.v[i], N));
}
HEARTH_SIMD f32x16 exp2i(i32x16 n) { return from_bits(shl<23>(add(n, i32x16::splat(127)))); }
HEARTH_SIMD void store_s8(std::int8_t* p, i32x16 a) {
    const int16x8_t lo = vcombine_s16(vmovn_s32(a.v[0]), vmovn_s32(a.v[1]));
    const int16x8_t hi = vcombine_s16(vmovn_s32(a.v[2]), vmovn_s32(a.v[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(lo), vmovn_s16(hi)));
}
HEARTH_SIMD std::int32_t fold_add(i32x16 a) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3])));
}

HEARTH_SIMD i32x16 max(i32x16 a, i32x16 b) { HEARTH_EACH_QUARTER(i32x16, vmaxq_s32(a.v[i], b.v[i])); }
HEARTH_SIMD std::int32_t fold_max(i32x16 a) {
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.v[0], a.v[1]), vmaxq_s32(a.v[2], a.v[3])));
}

struct u8x64 {
    uint8x16_t v[4];
    HEARTH_SIMD static u8x64 load(const std::uint8_t* p) { HEARTH_EACH_QUARTER(u8x64, vld1q_u8(p + 16 * i)); }
};
HEARTH_SIMD void store(std::uint8_t* p, u8x64 a) {
    for (std::size_t i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, a.v[i]);
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_down(u8x64 a) {
    // A shift by 0 does not exist, and one that leaves just the mask needs none.
    if constexpr (Shift == 0) {
        HEARTH_EACH_QUARTER(u8x64, vandq_u8(a.v[i], vdupq_n_u8(Mask)));
    } else if constexpr (Mask == (0xff >> Shift)) {
        HEARTH_EACH_QUARTER(u8x64, vshrq_n_u8(a.v[i], Shift));
    } else {
        HEARTH_EACH_QUARTER(u8x64, vandq_u8(vshrq_n_u8(a.v[i], Shift), vdupq_n_u8(Mask)));
    }
}
template <int Shift, int Mask>
HEARTH_SIMD u8x64 bits_up(u8x64 a) {
    HEARTH_EACH_QUARTER(u8x64, vandq_u8(vshlq_n_u8(a.v[i], Shift), vdupq_n_u8(Mask)));
}
// By N bits up, or by -N down.
template <int N, int Mask>
HEARTH_SIMD u8x64 move_bits(u8x64 a) {
    if constexpr (N >= 0)
        return bits_up<N, Mask>(a);
    else
        return bits_down<-N, Mask>(a);
}
HEARTH_SIMD u8x64 or_(u8x64 a, u8x64 b) { HEARTH_EACH_QUARTER(u8x64, vorrq_u8(a.v[i], b.v[i])); }

HEARTH_SIMD int32x4_t broadcast4(const void* p) {
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return vdupq_n_s32(x);
}
struct s8x64 {
    int8x16_t v[4];
    HEARTH_SIMD static s8x64 load_offset(const std::uint8_t* p) {
        HEARTH_EACH_QUARTER(s8x64, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p + 16 * i), vdupq_n_u8(0x80))));
    }
};
HEARTH_SIMD u8x64 lookup(const std::uint8_t (&table)[16], u8x64 codes) {
    const uint8x16_t t = vld1q_u8(table);
    HEARTH_EACH_QUARTER(u8x64, vqtbl1q_u8(t, codes.v[i]));
}
HEARTH_SIMD s8x64 lookup(const std::int8_t (&table)[16], u8x64 codes) {
    const int8x16_t t = vld1q_s8(table);
    HEARTH_EACH_QUARTER(s8x64, vqtbl1q_s8(t, codes.v[i]));
}

struct i16x32 {
    int16x8_t v[4];
    HEARTH_SIMD static i16x32 load_u8(const std::uint8_t* p) {
        HEARTH_EACH_QUARTER(i16x32, vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p + 8 * i))));
    }
    HEARTH_SIMD static i16x32 load_s8(const std::int8_t* p) {
        HEARTH_EACH_QUARTER(i16x32, vmovl_s8(vld1_s8(p + 8 * i)));
    }
};
HEARTH_SIMD int32x4_t madd16_quarter(int32x4_t acc, int16x8_t w, int16x8_t x) {
    return vaddq_s32(acc, vpaddq_s32(vmull_s16(vget_low_s16(w), vget_low_s16(x)), vmull_high_s16(w, x)));
}
HEARTH_SIMD i32x16 madd16(i32x16 acc, i16x32 w, const std::int16_t* x2) {
    const int16x8_t x = vreinterpretq_s16_s32(broadcast4(x2));
    HEARTH_EACH_QUARTER(i32x16, madd16_quarter(acc.v[i], w.v[i], x));
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
