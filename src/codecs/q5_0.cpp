// Q5_0: 32 values d * (q - 16); the value of largest magnitude gets code 0, so d = that value / -16.
#include "codecs/blocks_of_32.hpp"
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_Q5_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q5_0, BlockQ5_0>(blocks, count, values, [](const BlockQ5_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        const std::uint32_t qh = block.qh;
        for (int j = 0; j < 16; ++j) {
            const int low = (block.qs[j] & 15) | static_cast<int>((qh >> j) & 1) << 4;
            const int high = (block.qs[j] >> 4) | static_cast<int>((qh >> (j + 16)) & 1) << 4;
            y[j] = d * static_cast<float>(low - 16);
            y[j + 16] = d * static_cast<float>(high - 16);
        }
    });
}

void encode_Q5_0(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q5_0, BlockQ5_0>(values, count, blocks, [](const float* x, BlockQ5_0& block) {
        const ScaleFit fit = fit_scale(x, signed_extreme(x) / -16.0f, -16, 15);
        block.d = fit.d;
        block.qh = pack_codes(fit.codes, 16, block.qs);
    });
}

}  // namespace hearth::codecs
