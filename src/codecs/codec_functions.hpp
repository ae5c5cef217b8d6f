// What the codecs share: the functions that codecs.inc names, and the loop over blocks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hearth/codecs/blocks.hpp"
#include "hearth/codecs/codec_id.hpp"

namespace hearth::codecs {

#define HEARTH_ENCODER_read(name)
#define HEARTH_ENCODER_read_write(name) void encode_##name(const float* values, std::size_t count, std::byte* blocks);
#define HEARTH_CODEC(name, id, values, bytes, access)                                    \
    void decode_##name(const std::byte* blocks, std::size_t count, float* block_values); \
    HEARTH_ENCODER_##access(name)
#include "hearth/codecs/codecs.inc"
#undef HEARTH_CODEC
#undef HEARTH_ENCODER_read
#undef HEARTH_ENCODER_read_write

struct BlockShape {
    std::size_t values, bytes;
};
constexpr BlockShape block_shape(std::uint32_t id) {
    switch (id) {
#define HEARTH_CODEC(name, number, values, bytes, access) \
    case number:                                          \
        return {values, bytes};
#include "hearth/codecs/codecs.inc"
#undef HEARTH_CODEC
        default:
            return {0, 0};
    }
}

// decode(block, values) for each block. The block is copied, so that it may stand at any address and the compiler
// knows that writing values does not change it.
template <std::uint32_t id, class Block, class Decode>
void decode_blocks(const std::byte* blocks, std::size_t count, float* values, Decode decode) {
    static_assert(sizeof(Block) == block_shape(id).bytes);
    for (std::size_t i = 0; i < count; ++i) {
        Block block;
        std::memcpy(&block, blocks + i * sizeof(Block), sizeof(Block));
        decode(block, values + i * block_shape(id).values);
    }
}

// -x where `negative` is 1, x where it is 0, without a branch on random bits.
inline float negate_if(unsigned negative, float x) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ negative << 31);
}

// encode(values, block) for each block, which starts as zeros.
template <std::uint32_t id, class Block, class Encode>
void encode_blocks(const float* values, std::size_t count, std::byte* blocks, Encode encode) {
    static_assert(sizeof(Block) == block_shape(id).bytes);
    for (std::size_t i = 0; i < count; ++i) {
        Block block{};
        encode(values + i * block_shape(id).values, block);
        std::memcpy(blocks + i * sizeof(Block), &block, sizeof(Block));
    }
}

}  // namespace hearth::codecs
