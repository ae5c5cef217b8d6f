// Q2_K: 256 values d * sc * q - dmin * m in 16 sub-blocks of 16, sc and m of 4 bits, q of 2.
// Value 128 h + 32 s + l: q at bit 2 s of qs[32 h + l], sub-block 8 h + 2 s + l / 16.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockQ2_K {
    std::uint8_t scales[16];  // sc in the low nibble, m in the high one
    std::uint8_t qs[64];
    f16 d, dmin;
};
#pragma pack(pop)

}  // namespace

void decode_Q2_K(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q2_K, BlockQ2_K>(blocks, count, values, [](const BlockQ2_K& block, float* y) {
        const float d = f16_to_f32(block.d);
        const float dmin = f16_to_f32(block.dmin);
        for (int sub = 0; sub < 16; ++sub) {
            const float scale = d * static_cast<float>(block.scales[sub] & 15);
            const float min = dmin * static_cast<float>(block.scales[sub] >> 4);
            const std::uint8_t* qs = block.qs + 32 * (sub / 8) + 16 * (sub % 2);
            const int shift = 2 * (sub % 8 / 2);
            for (int l = 0; l < 16; ++l) y[16 * sub + l] = scale * static_cast<float>((qs[l] >> shift) & 3) - min;
        }
    });
}

}  // namespace hearth::codecs
