// F16: IEEE binary16.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_F16(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::F16, BlockF16>(blocks, count, values,
                                           [](BlockF16 block, float* y) { *y = f16_to_f32(block.x); });
}

// Round to nearest even; a finite value beyond the range becomes the largest finite half.
void encode_F16(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::F16, BlockF16>(values, count, blocks, [](const float* x, BlockF16& block) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(*x);
        block.x = f32_to_f16(*x);
        if ((block.x & 0x7fffu) == 0x7c00u && (bits & 0x7fffffffu) != 0x7f800000u) --block.x;
    });
}

}  // namespace hearth::codecs
