// NVFP4: 64 values in 4 sub-blocks of 16, UE4M3 scale * E2M1. Sub-block s: value j < 8 in the low nibble of
// qs[8 s + j], value j + 8 in the high one. The tensor's own F32 scale is not part of the block.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

struct BlockNVFP4 {
    std::uint8_t d[4];
    std::uint8_t qs[32];
};

// Half of an unsigned E4M3 number (bias 7, no infinity; 0x7f, NaN elsewhere, counts as zero).
float ue4m3_half(std::uint8_t bits) {
    if (bits == 0x7f) return 0.0f;
    const std::uint32_t exponent = (bits >> 3) & 15u;
    const std::uint32_t mantissa = bits & 7u;
    if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
    return std::bit_cast<float>((exponent - 7 - 1 + 127) << 23 | mantissa << 20);
}

}  // namespace

void decode_NVFP4(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::NVFP4, BlockNVFP4>(blocks, count, values, [](const BlockNVFP4& block, float* y) {
        for (int s = 0; s < 4; ++s) {
            const float d = ue4m3_half(block.d[s]);
            for (int j = 0; j < 8; ++j) {
                const std::uint8_t q = block.qs[8 * s + j];
                y[16 * s + j] = d * static_cast<float>(fp4_values[q & 15]);
                y[16 * s + j + 8] = d * static_cast<float>(fp4_values[q >> 4]);
            }
        }
    });
}

}  // namespace hearth::codecs
