// I8, I16, I32, I64: plain little-endian integers; those of more than 24 bits round to the nearest float.
#include "codecs/codec_functions.hpp"

namespace hearth::codecs {
namespace {

template <std::uint32_t id, class Integer>
void decode_integers(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<id, Integer>(blocks, count, values, [](Integer x, float* y) { *y = static_cast<float>(x); });
}

}  // namespace

void decode_I8(const std::byte* blocks, std::size_t count, float* values) {
    decode_integers<codec_id::I8, std::int8_t>(blocks, count, values);
}
void decode_I16(const std::byte* blocks, std::size_t count, float* values) {
    decode_integers<codec_id::I16, std::int16_t>(blocks, count, values);
}
void decode_I32(const std::byte* blocks, std::size_t count, float* values) {
    decode_integers<codec_id::I32, std::int32_t>(blocks, count, values);
}
void decode_I64(const std::byte* blocks, std::size_t count, float* values) {
    decode_integers<codec_id::I64, std::int64_t>(blocks, count, values);
}

}  // namespace hearth::codecs
