// Q8_0: 32 values d * q, d = largest magnitude / 127.
#include "codecs/blocks_of_32.hpp"
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_Q8_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q8_0, BlockQ8_0>(blocks, count, values, [](const BlockQ8_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int j = 0; j < 32; ++j) y[j] = d * static_cast<float>(block.qs[j]);
    });
}

void encode_Q8_0(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q8_0, BlockQ8_0>(values, count, blocks, [](const float* x, BlockQ8_0& block) {
        const ScaleFit fit = fit_scale(x, std::fabs(signed_extreme(x)) / 127.0f, -127, 127);
        block.d = fit.d;
        std::memcpy(block.qs, fit.codes, sizeof block.qs);
    });
}

}  // namespace hearth::codecs
