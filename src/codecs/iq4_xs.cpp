// IQ4_XS: 256 values d * (ls - 32) * iq4_values[q] in 8 sub-blocks of 32 laid out as IQ4_NL. Scale ls of sub-block b:
// nibble b % 2 of scales_l[b / 2], upper bits at bit 2 b of scales_h.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_IQ4_XS(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ4_XS, BlockIQ4_XS>(blocks, count, values, [](const BlockIQ4_XS& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int b = 0; b < 8; ++b) {
            const float scale = d * static_cast<float>(iq4_xs_scale(block, b));
            for (int j = 0; j < 16; ++j) {
                const std::uint8_t q = block.qs[16 * b + j];
                y[32 * b + j] = scale * static_cast<float>(iq4_values[q & 15]);
                y[32 * b + j + 16] = scale * static_cast<float>(iq4_values[q >> 4]);
            }
        }
    });
}

}  // namespace hearth::codecs
