// IQ3_S: 256 values in 64 groups of 4; row of a grid of 512: qs[k] and bit k % 8 of qh[k / 8]; one sign bit a value.
// Scale s of 32 values: nibble (k / 8) % 2 of scales[k / 16]: d * (1 + 2 s).
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ3_S {
    f16 d;
    std::uint8_t qs[64];
    std::uint8_t qh[8];
    std::uint8_t signs[32];
    std::uint8_t scales[4];
};
#pragma pack(pop)

}  // namespace

void decode_IQ3_S(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ3_S, BlockIQ3_S>(blocks, count, values, [](const BlockIQ3_S& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int k = 0; k < 64; ++k) {
            const int s = (block.scales[k / 16] >> 4 * (k / 8 % 2)) & 15;
            const float scale = d * static_cast<float>(1 + 2 * s);
            const int row = iq3_s_grid[block.qs[k] | ((block.qh[k / 8] >> k % 8) & 1) << 8];
            const unsigned signs = block.signs[k / 2] >> 4 * (k % 2);
            for (int i = 0; i < 4; ++i) {
                y[4 * k + i] = negate_if((signs >> i) & 1, scale * static_cast<float>(2 * ((row >> 3 * i) & 7) + 1));
            }
        }
    });
}

}  // namespace hearth::codecs
