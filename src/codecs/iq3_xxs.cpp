// IQ3_XXS: 256 values in 8 sub-blocks of 32: eight rows of four from a grid of 256, then a word with four sign indices
// of 7 bits (8 values each) and the scale s: d * (0.5 + s) / 2.
#include "codecs/codec_functions.hpp"
#include "codecs/iq_grids.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockIQ3_XXS {
    f16 d;
    std::uint8_t qs[64];
    std::uint32_t signs_scale[8];
};
#pragma pack(pop)

}  // namespace

void decode_IQ3_XXS(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::IQ3_XXS, BlockIQ3_XXS>(blocks, count, values, [](const BlockIQ3_XXS& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int b = 0; b < 8; ++b) {
            const std::uint32_t word = block.signs_scale[b];
            const float scale = d * (0.5f + static_cast<float>(word >> 28)) * 0.5f;
            for (int j = 0; j < 4; ++j) {
                const unsigned signs = even_signs((word >> 7 * j) & 127);
                const unsigned row = iq3_xxs_grid[block.qs[8 * b + 2 * j]] |
                                     static_cast<unsigned>(iq3_xxs_grid[block.qs[8 * b + 2 * j + 1]]) << 12;
                for (int i = 0; i < 8; ++i) {
                    y[32 * b + 8 * j + i] = negate_if((signs >> i) & 1, scale * kIq3XxsAlphabet[(row >> 3 * i) & 7]);
                }
            }
        }
    });
}

}  // namespace hearth::codecs
