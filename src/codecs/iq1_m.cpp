// IQ1_M: 256 values in 32 groups of 8, d * (2 s + 1) * (grid + delta). Nibble k % 2 of qh[k / 2]: upper three bits of
// the row and the sign of delta = 1/8. Four words of scales: s of 16 values in three bits each from bit 0, and in
// their top nibbles the half d, lowest nibble first.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ1_M {
    std::uint8_t qs[32];
    std::uint8_t qh[16];
    std::uint16_t scales[4];
};
#pragma pack(pop)

}  // namespace

void decode_IQ1_M(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ1_M, BlockIQ1_M>(blocks, count, values, [](const BlockIQ1_M& block, float* y) {
        unsigned half = 0;
        for (int w = 0; w < 4; ++w) half |= static_cast<unsigned>(block.scales[w] >> 12) << 4 * w;
        const float d = f16_to_f32(static_cast<f16>(half));
        for (int k = 0; k < 32; ++k) {
            const int s = (block.scales[k / 8] >> 3 * (k / 2 % 4)) & 7;
            const int nibble = block.qh[k / 2] >> 4 * (k % 2);
            put_iq1_row(iq1_grid[block.qs[k] | (nibble & 7) << 8], nibble & 8 ? -0.125f : 0.125f,
                        d * static_cast<float>(2 * s + 1), y + 8 * k);
        }
    });
}

}  // namespace hearth::codecs
