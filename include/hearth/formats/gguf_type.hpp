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

}  // namespace hearth
