// Q3_K: 256 values d * (scale - 32) * (q - 4) in 16 sub-blocks of 16, scales of 6 bits, q of 3.
// Value 128 h + 32 s + l: low bits of q at bit 2 s of qs[32 h + l], its third at bit 4 h + s of hmask[l], sub-block
// 8 h + 2 s + l / 16. Scale k: nibble k / 8 of scales[k % 8], upper bits at bit 2 (k / 4) of scales[8 + k % 4].
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

#pragma pack(push, 1)
struct BlockQ3_K {
    std::uint8_t hmask[32];
    std::uint8_t qs[64];
    std::uint8_t scales[12];
    f16 d;
};
#pragma pack(pop)

}  // namespace

void decode_Q3_K(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q3_K, BlockQ3_K>(blocks, count, values, [](const BlockQ3_K& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int sub = 0; sub < 16; ++sub) {
            const int low = (block.scales[sub % 8] >> 4 * (sub / 8)) & 15;
            const int high = (block.scales[8 + sub % 4] >> 2 * (sub / 4)) & 3;
            const float scale = d * static_cast<float>((low | high << 4) - 32);
            const std::uint8_t* qs = block.qs + 32 * (sub / 8) + 16 * (sub % 2);
            const std::uint8_t* hmask = block.hmask + 16 * (sub % 2);
            const int shift = 2 * (sub % 8 / 2);
            const int bit = sub / 2;
            for (int l = 0; l < 16; ++l) {
                const int q = ((qs[l] >> shift) & 3) | ((hmask[l] >> bit) & 1) << 2;
                y[16 * sub + l] = scale * static_cast<float>(q - 4);
            }
        }
    });
}

}  // namespace hearth::codecs
