// Q5_1: 32 values d * q + m, m = smallest value, d = range / 31.
#include "codecs/blocks_of_32.hpp"
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_Q5_1(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q5_1, BlockQ5_1>(blocks, count, values, [](const BlockQ5_1& block, float* y) {
        const float d = f16_to_f32(block.d);
        const float m = f16_to_f32(block.m);
        const std::uint32_t qh = block.qh;
        for (int j = 0; j < 16; ++j) {
            const int low = (block.qs[j] & 15) | static_cast<int>((qh >> j) & 1) << 4;
            const int high = (block.qs[j] >> 4) | static_cast<int>((qh >> (j + 16)) & 1) << 4;
            y[j] = d * static_cast<float>(low) + m;
            y[j + 16] = d * static_cast<float>(high) + m;
        }
    });
}

void encode_Q5_1(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q5_1, BlockQ5_1>(values, count, blocks, [](const float* x, BlockQ5_1& block) {
        const MinScaleFit fit = fit_min_scale(x, 31);
        block.d = fit.d;
        block.m = fit.m;
        block.qh = pack_codes(fit.codes, 0, block.qs);
    });
}

}  // namespace hearth::codecs
