// Q1_0: 128 values, d where the bit is set and -d elsewhere; value i is bit i % 8 of bits[i / 8].
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockQ1_0 {
    f16 d;
    std::uint8_t bits[16];
};
#pragma pack(pop)

}  // namespace

void decode_Q1_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q1_0, BlockQ1_0>(blocks, count, values, [](const BlockQ1_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int i = 0; i < 16; ++i) {
            for (int j = 0; j < 8; ++j) y[8 * i + j] = negate_if((~block.bits[i] >> j) & 1, d);
        }
    });
}

}  // namespace hearth::codecs
