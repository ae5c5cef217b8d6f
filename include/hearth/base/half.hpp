// IEEE binary16 and bfloat16 as bit patterns. Conversions to float are exact; to half they round to nearest even
// and keep NaN a NaN. Always inlined: a weak copy compiled under ISA flags could be linked into plain code.
#pragma once

#include <bit>
#include <cstdint>

#define HEARTH_INLINE [[gnu::always_inline]] inline

namespace hearth {

using f16 = std::uint16_t;   // bit pattern
using bf16 = std::uint16_t;  // bit pattern

HEARTH_INLINE float f16_to_f32(f16 h) {
    // Shift mantissa and exponent into place, then multiply by 2^112 to rebias: exact for subnormals too. Infinity and
    // NaN need as much again. Added, not branched upon, so that loops over halves become vector code.
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
    const std::uint32_t body = static_cast<std::uint32_t>(h & 0x7fffu) << 13;
    const float scaled = std::bit_cast<float>(body) * std::bit_cast<float>(0x77800000u);
    const std::uint32_t special = body >= 0x0f800000u ? 0x38000000u : 0u;
    const std::uint32_t quiet = body > 0x0f800000u ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | quiet | (std::bit_cast<std::uint32_t>(scaled) + special));
}

HEARTH_INLINE f16 f32_to_f16(float f) {
    const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
    const std::uint32_t sign = (x >> 16) & 0x8000u;
    const std::uint32_t a = x & 0x7fffffffu;
    if (a > 0x7f800000u) return static_cast<f16>(sign | 0x7e00u | ((a >> 13) & 0x3ffu));
    if (a >= 0x477ff000u) return static_cast<f16>(sign | 0x7c00u);  // rounds to infinity
    if (a < 0x38800000u) {                                          // subnormal half: let the adder round
        const float r = std::bit_cast<float>(a) + std::bit_cast<float>(0x3f000000u);
        return static_cast<f16>(sign | (std::bit_cast<std::uint32_t>(r) - 0x3f000000u));
    }
    const std::uint32_t odd = (a >> 13) & 1u;
    return static_cast<f16>(sign | ((a + 0xc8000fffu + odd) >> 13));
}

HEARTH_INLINE float bf16_to_f32(bf16 h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

HEARTH_INLINE bf16 f32_to_bf16(float f) {
    const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
    if ((x & 0x7fffffffu) > 0x7f800000u) return static_cast<bf16>((x >> 16) | 0x40u);
    return static_cast<bf16>((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
}

}  // namespace hearth
