// IQ4_NL: 32 values d * iq4_values[q]; value j in the low nibble of qs[j], value j + 16 in the high one.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_IQ4_NL(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ4_NL, BlockIQ4_NL>(blocks, count, values, [](const BlockIQ4_NL& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int j = 0; j < 16; ++j) {
            y[j] = d * static_cast<float>(iq4_values[block.qs[j] & 15]);
            y[j + 16] = d * static_cast<float>(iq4_values[block.qs[j] >> 4]);
        }
    });
}

}  // namespace hearth::codecs
