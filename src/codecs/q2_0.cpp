// Q2_0: 64 values d * (q - 1), q of 2 bits; value i at bit 2 (i % 4) of qs[i / 4].
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockQ2_0 {
    f16 d;
    std::uint8_t qs[16];
};
#pragma pack(pop)

}  // namespace

void decode_Q2_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q2_0, BlockQ2_0>(blocks, count, values, [](const BlockQ2_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int i = 0; i < 16; ++i) {
            for (int j = 0; j < 4; ++j) y[4 * i + j] = d * static_cast<float>(((block.qs[i] >> 2 * j) & 3) - 1);
        }
    });
}

}  // namespace hearth::codecs
