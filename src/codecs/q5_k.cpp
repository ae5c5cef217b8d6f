// Q5_K: as Q4_K with q of 5 bits, the fifth of value 32 j + l in bit j of qh[l].
#include "codecs/codec_functions.hpp"
#include "codecs/k_affine.hpp"

namespace hearth::codecs {

void decode_Q5_K(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q5_K, BlockQ5_K>(blocks, count, values, [](const BlockQ5_K& block, float* y) {
        const float d = f16_to_f32(block.d);
        const float dmin = f16_to_f32(block.dmin);
        for (int j = 0; j < 8; ++j) {
            const float scale = d * static_cast<float>(k_scale(block.scales, j));
            const float min = dmin * static_cast<float>(k_min(block.scales, j));
            const std::uint8_t* qs = block.qs + 32 * (j / 2);
            const int shift = 4 * (j % 2);
            for (int l = 0; l < 32; ++l) {
                const int q = ((qs[l] >> shift) & 15) | ((block.qh[l] >> j) & 1) << 4;
                y[32 * j + l] = scale * static_cast<float>(q) - min;
            }
        }
    });
}

void encode_Q5_K(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q5_K, BlockQ5_K>(values, count, blocks, [](const float* x, BlockQ5_K& block) {
        const KAffine best = fit_k_affine(x, 31);
        block.d = best.d;
        block.dmin = best.dmin;
        pack_k_scales(best, block.scales);
        for (int i = 0; i < 256; ++i) {
            block.qs[i / 64 * 32 + i % 32] |= static_cast<std::uint8_t>((best.codes[i] & 15) << 4 * (i / 32 % 2));
            block.qh[i % 32] |= static_cast<std::uint8_t>(best.codes[i] >> 4 << i / 32);
        }
    });
}

}  // namespace hearth::codecs
