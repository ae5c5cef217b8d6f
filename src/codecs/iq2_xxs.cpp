// IQ2_XXS: 256 values in 8 sub-blocks of 32, 8 bytes each: four rows of a grid of 256, then a word with four sign
// indices of 7 bits and the scale s: d * (0.5 + s) / 4.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ2_XXS {
    f16 d;
    struct {
        std::uint8_t rows[4];
        std::uint32_t signs_scale;
    } subs[8];
};
#pragma pack(pop)

}  // namespace

void decode_IQ2_XXS(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ2_XXS, BlockIQ2_XXS>(blocks, count, values, [](const BlockIQ2_XXS& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int b = 0; b < 8; ++b) {
            const std::uint32_t word = block.subs[b].signs_scale;
            const float scale = d * (0.5f + static_cast<float>(word >> 28)) * 0.25f;
            for (int j = 0; j < 4; ++j) {
                put_iq2_row(iq2_xxs_grid[block.subs[b].rows[j]], even_signs((word >> 7 * j) & 127), scale,
                            y + 32 * b + 8 * j);
            }
        }
    });
}

}  // namespace hearth::codecs
