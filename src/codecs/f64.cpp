// F64: IEEE binary64, rounded to the nearest float; what exceeds the floats becomes infinity.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

void decode_F64(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::F64, double>(blocks, count, values, [](double x, float* y) { *y = static_cast<float>(x); });
}

}  // namespace hearth::codecs
