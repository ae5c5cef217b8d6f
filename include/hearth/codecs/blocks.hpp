// Blocks of the storage types that kernels read, byte for byte as in a GGUF file, with the pure data that their codes
// index. Layouts: ggml's quantization formats; the value of each code is stated in src/codecs/<type>.cpp.
// Plain structs without alignment (a block may stand at any address). No STL, and nothing here that could become
// a weak symbol, because kernels include it under their ISA flags.
#pragma once

#include <bit>
#include <cstdint>

#include "hearth/base/half.hpp"

namespace hearth {

#pragma pack(push, 1)

struct BlockF16 {
    f16 x;
};
struct BlockBF16 {
    bf16 x;
};
// 32 values d * q
struct BlockQ8_0 {
    f16 d;
    std::int8_t qs[32];
};
// 32 values d * (q - 8). Here and in the other types of 32: value j in the low nibble of qs[j], j + 16 in the high one.
struct BlockQ4_0 {
    f16 d;
    std::uint8_t qs[16];
};
// 32 values d * q + m
struct BlockQ4_1 {
    f16 d, m;
    std::uint8_t qs[16];
};
// 32 values d * (q - 16); the fifth bit of value j is bit j of qh
struct BlockQ5_0 {
    f16 d;
    std::uint32_t qh;
    std::uint8_t qs[16];
};
// 32 values d * q + m
struct BlockQ5_1 {
    f16 d, m;
    std::uint32_t qh;
    std::uint8_t qs[16];
};
// 256 values d * sc * q - dmin * m in 8 sub-blocks of 32; qs[32 p + l]: low nibble value 64 p + l, high 64 p + 32 + l
struct BlockQ4_K {
    f16 d, dmin;
    std::uint8_t scales[12];  // 8 scales and 8 mins of 6 bits: k_scale, k_min
    std::uint8_t qs[128];
};
// As Q4_K; the fifth bit of value 32 j + l is bit j of qh[l]
struct BlockQ5_K {
    f16 d, dmin;
    std::uint8_t scales[12];
    std::uint8_t qh[32];
    std::uint8_t qs[128];
};
// 256 values d * scale * (q - 32) in 16 sub-blocks of 16. Value 128 h + 32 s + l: bits 0 to 3 in the nibble s / 2
// of ql[64 h + 32 (s % 2) + l], bits 4 and 5 at bit 2 s of qh[32 h + l]
struct BlockQ6_K {
    std::uint8_t ql[128];
    std::uint8_t qh[64];
    std::int8_t scales[16];
    f16 d;
};
// 32 values d * iq4_values[q]
struct BlockIQ4_NL {
    f16 d;
    std::uint8_t qs[16];
};
// 256 values d * (ls - 32) * iq4_values[q] in 8 sub-blocks of 32, each laid out as IQ4_NL
struct BlockIQ4_XS {
    f16 d;
    std::uint16_t scales_h;
    std::uint8_t scales_l[4];
    std::uint8_t qs[128];
};
// 32 values e8m0_half(e) * fp4_values[q]
struct BlockMXFP4 {
    std::uint8_t e;
    std::uint8_t qs[16];
};

#pragma pack(pop)

static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_NL) == 18);
static_assert(sizeof(BlockIQ4_XS) == 136 && sizeof(BlockMXFP4) == 17);

// Values of the codes of IQ4_NL and IQ4_XS.
constexpr std::int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Twice the values of FP4 E2M1 (OCP Microscaling Formats 1.0), codes of MXFP4 and NVFP4; their scales are halved.
constexpr std::int8_t fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Scale and min of sub-block j < 8 of Q4_K and Q5_K: 6 bits each. The first four stand in the low 6 bits of bytes
// 0 to 3 and 4 to 7; of the others bytes 8 to 11 hold the low nibbles, the top bits of bytes 0 to 7 the rest.
HEARTH_INLINE std::uint8_t k_scale(const std::uint8_t* scales, int j) {
    return static_cast<std::uint8_t>(j < 4 ? scales[j] & 63 : (scales[j + 4] & 15) | (scales[j - 4] >> 6 << 4));
}
HEARTH_INLINE std::uint8_t k_min(const std::uint8_t* scales, int j) {
    return static_cast<std::uint8_t>(j < 4 ? scales[j + 4] & 63 : (scales[j + 4] >> 4) | (scales[j] >> 6 << 4));
}
// Scale of sub-block j < 8 of IQ4_XS, -32 to 31.
HEARTH_INLINE int iq4_xs_scale(const BlockIQ4_XS& block, int j) {
    return (((block.scales_l[j / 2] >> 4 * (j % 2)) & 15) | (((block.scales_h >> 2 * j) & 3) << 4)) - 32;
}
// 2^(e - 128), half of the E8M0 scale 2^(e - 127); the two smallest are subnormal.
HEARTH_INLINE float e8m0_half(std::uint8_t e) {
    return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<std::uint32_t>(e - 1) << 23);
}

}  // namespace hearth
