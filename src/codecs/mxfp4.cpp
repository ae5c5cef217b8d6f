// MXFP4 (OCP Microscaling Formats 1.0): 32 values 2^(e - 127) * E2M1; value j in the low nibble of qs[j], value
// j + 16 in the high one. The table holds doubled values, so the scale is halved.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_MXFP4(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::MXFP4, BlockMXFP4>(blocks, count, values, [](const BlockMXFP4& block, float* y) {
        const float d = e8m0_half(block.e);
        for (int j = 0; j < 16; ++j) {
            y[j] = d * static_cast<float>(fp4_values[block.qs[j] & 15]);
            y[j + 16] = d * static_cast<float>(fp4_values[block.qs[j] >> 4]);
        }
    });
}

}  // namespace hearth::codecs
