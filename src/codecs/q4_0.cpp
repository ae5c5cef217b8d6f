// Q4_0: 32 values d * (q - 8); the value of largest magnitude gets code 0, so d = that value / -8.
#include "codecs/blocks_of_32.hpp"
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_Q4_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q4_0, BlockQ4_0>(blocks, count, values, [](const BlockQ4_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int j = 0; j < 16; ++j) {
            y[j] = d * static_cast<float>((block.qs[j] & 15) - 8);
            y[j + 16] = d * static_cast<float>((block.qs[j] >> 4) - 8);
        }
    });
}

void encode_Q4_0(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q4_0, BlockQ4_0>(values, count, blocks, [](const float* x, BlockQ4_0& block) {
        const ScaleFit fit = fit_scale(x, signed_extreme(x) / -8.0f, -8, 7);
        block.d = fit.d;
        pack_codes(fit.codes, 8, block.qs);
    });
}

}  // namespace hearth::codecs
