// IQ2_XS: 256 values in 32 groups of 8; qs[k]: row of a grid of 512 in the low 9 bits, sign index in the top 7.
// Scale s of 16 values: nibble (k / 2) % 2 of scales[k / 4]: d * (0.5 + s) / 4.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ2_XS {
    f16 d;
    std::uint16_t qs[32];
    std::uint8_t scales[8];
};
#pragma pack(pop)

}  // namespace

void decode_IQ2_XS(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ2_XS, BlockIQ2_XS>(blocks, count, values, [](const BlockIQ2_XS& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int k = 0; k < 32; ++k) {
            const int s = (block.scales[k / 4] >> 4 * (k / 2 % 2)) & 15;
            const float scale = d * (0.5f + static_cast<float>(s)) * 0.25f;
            put_iq2_row(iq2_xs_grid[block.qs[k] & 511], even_signs(block.qs[k] >> 9), scale, y + 8 * k);
        }
    });
}

}  // namespace hearth::codecs
