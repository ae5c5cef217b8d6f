// TQ2_0: 256 values d * (q - 1), q of 2 bits; value 128 g + 32 s + m at bit 2 s of qs[32 g + m].
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockTQ2_0 {
    std::uint8_t qs[64];
    f16 d;
};
#pragma pack(pop)

}  // namespace

void decode_TQ2_0(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::TQ2_0, BlockTQ2_0>(blocks, count, values, [](const BlockTQ2_0& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int g = 0; g < 2; ++g) {
            for (int s = 0; s < 4; ++s) {
                for (int m = 0; m < 32; ++m) {
                    y[128 * g + 32 * s + m] = d * static_cast<float>(((block.qs[32 * g + m] >> 2 * s) & 3) - 1);
                }
            }
        }
    });
}

}  // namespace hearth::codecs
