// Value types of GGUF metadata; the numbers stand in the file.
// Thread class: constants.
#pragma once

#include <cstdint>

namespace hearth {

enum class GgufType : std::uint32_t {
    u8 = 0,
    i8 = 1,
    u16 = 2,
    i16 = 3,
    u32 = 4,
    i32 = 5,
    f32 = 6,
    boolean = 7,
    string = 8,
    array = 9,
    u64 = 10,
    i64 = 11,
    f64 = 12,
};

// Tensor types from here on are hearth's own: packed panels of the rows of the type whose number is added. ggml counts its
// types upwards from 0, so that every other reader refuses them as unknown.
constexpr std::uint32_t gguf_packed_types = 0x48500000;  // "HP"
constexpr std::uint32_t gguf_packed_types_end = gguf_packed_types + 0x10000;

}  // namespace hearth
