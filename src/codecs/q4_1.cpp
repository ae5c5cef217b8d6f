// Q4_1: 32 values d * q + m, m = smallest value, d = range / 15.
#include "codecs/blocks_of_32.hpp"
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_Q4_1(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q4_1, BlockQ4_1>(blocks, count, values, [](const BlockQ4_1& block, float* y) {
        const float d = f16_to_f32(block.d);
        const float m = f16_to_f32(block.m);
        for (int j = 0; j < 16; ++j) {
            y[j] = d * static_cast<float>(block.qs[j] & 15) + m;
            y[j + 16] = d * static_cast<float>(block.qs[j] >> 4) + m;
        }
    });
}

void encode_Q4_1(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q4_1, BlockQ4_1>(values, count, blocks, [](const float* x, BlockQ4_1& block) {
        const MinScaleFit fit = fit_min_scale(x, 15);
        block.d = fit.d;
        block.m = fit.m;
        pack_codes(fit.codes, 0, block.qs);
    });
}

}  // namespace hearth::codecs
