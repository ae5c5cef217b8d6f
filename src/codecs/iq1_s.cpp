// IQ1_S: 256 values in 8 sub-blocks of 32, d * (2 s + 1) * (grid + delta). qh[b]: the upper three bits of the four rows
// from bit 0, s from bit 12, the sign of delta = 1/8 in bit 15.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ1_S {
    f16 d;
    std::uint8_t qs[32];
    std::uint16_t qh[8];
};
#pragma pack(pop)

}  // namespace

void decode_IQ1_S(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ1_S, BlockIQ1_S>(blocks, count, values, [](const BlockIQ1_S& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int b = 0; b < 8; ++b) {
            const int h = block.qh[b];
            const float scale = d * static_cast<float>(2 * ((h >> 12) & 7) + 1);
            const float delta = h & 0x8000 ? -0.125f : 0.125f;
            for (int j = 0; j < 4; ++j) {
                put_iq1_row(iq1_grid[block.qs[4 * b + j] | ((h >> 3 * j) & 7) << 8], delta, scale, y + 32 * b + 8 * j);
            }
        }
    });
}

}  // namespace hearth::codecs
