// IQ2_S: 256 values in 32 groups of 8; row of a grid of 1024: qs[k] and two bits at bit 2 (k % 4) of qh[k / 4]; one
// sign bit a value. Scale s of 16 values: nibble (k / 2) % 2 of scales[k / 4]: d * (0.5 + s) / 4.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ2_S {
    f16 d;
    std::uint8_t qs[32];
    std::uint8_t signs[32];
    std::uint8_t qh[8];
    std::uint8_t scales[8];
};
#pragma pack(pop)

}  // namespace

void decode_IQ2_S(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ2_S, BlockIQ2_S>(blocks, count, values, [](const BlockIQ2_S& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int k = 0; k < 32; ++k) {
            const int s = (block.scales[k / 4] >> 4 * (k / 2 % 2)) & 15;
            const float scale = d * (0.5f + static_cast<float>(s)) * 0.25f;
            const int row = block.qs[k] | ((block.qh[k / 4] >> 2 * (k % 4)) & 3) << 8;
            put_iq2_row(iq2_s_grid[row], block.signs[k], scale, y + 8 * k);
        }
    });
}

}  // namespace hearth::codecs
