// Storage types of weights: how many values a block holds, how many bytes it takes, how to read and write it.
// The numbers are GGUF's tensor types. Layouts: ggml's quantization formats
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), bit layouts stated in each src/codecs/*.cpp.
// Thread class: constants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

struct Codec {
    std::uint32_t id;
    std::string_view name;       // "Q4_K"
    std::uint32_t block_values;  // values in a block
    std::uint32_t block_bytes;
    // blocks [count, block_bytes] -> values [count * block_values]. To the bit: scale products round to float first,
    // no fused multiply-add.
    void (*decode)(const std::byte* blocks, std::size_t count, float* values);
    // values -> blocks; null where hearth only reads the type. Finite values give finite blocks (what exceeds a type's
    // range is cut). NaN and infinity pass through F32, F16 and BF16 and give unspecified finite blocks elsewhere.
    void (*encode)(const float* values, std::size_t count, std::byte* blocks);

    // Bytes of a row of n values; n must be a multiple of block_values.
    std::size_t row_bytes(std::size_t n) const { return n / block_values * block_bytes; }
};

std::span<const Codec> codec_list();
const Codec* find_codec(std::uint32_t id);  // null when unknown
const Codec* find_codec(std::string_view name);

}  // namespace hearth
