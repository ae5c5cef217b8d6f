// F32: IEEE binary32 as it is, bit by bit.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_F32(const std::byte* blocks, std::size_t count, float* values) {
    if (count != 0) std::memcpy(values, blocks, count * sizeof(float));
}

void encode_F32(const float* values, std::size_t count, std::byte* blocks) {
    if (count != 0) std::memcpy(blocks, values, count * sizeof(float));
}

}  // namespace hearth::codecs
