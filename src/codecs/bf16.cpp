// BF16: the upper half of an IEEE binary32.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_BF16(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::BF16, BlockBF16>(blocks, count, values,
                                             [](BlockBF16 block, float* y) { *y = bf16_to_f32(block.x); });
}

// Round to nearest even; a finite value beyond the range becomes the largest finite bfloat16.
void encode_BF16(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::BF16, BlockBF16>(values, count, blocks, [](const float* x, BlockBF16& block) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(*x);
        block.x = f32_to_bf16(*x);
        if ((block.x & 0x7fffu) == 0x7f80u && (bits & 0x7fffffffu) != 0x7f800000u) --block.x;
    });
}

}  // namespace hearth::codecs
