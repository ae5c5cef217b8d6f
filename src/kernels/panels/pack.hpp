// What the packers share. Rows come as stored in the file: blocks at any address.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/base/half.hpp"
#include "hearth/codecs/blocks.hpp"
#include "kernels/panels/layout.hpp"

namespace hearth::panel {
namespace {

template <class Block>
HEARTH_INLINE Block load_block(const std::byte* rows, std::size_t row_bytes, std::size_t row, std::size_t b) {
    Block block;
    __builtin_memcpy(&block, rows + row * row_bytes + b * sizeof(Block), sizeof block);
    return block;
}

// bytes[Units * 4] of one row to its places in Units units, each Step units after the one before.
template <std::size_t Units, std::size_t Step = 1>
HEARTH_INLINE void scatter(const void* bytes, std::size_t row, std::uint8_t* units) {
    for (std::size_t u = 0; u < Units; ++u)
        __builtin_memcpy(units + u * Step * kUnit + 4 * row, static_cast<const std::uint8_t*>(bytes) + 4 * u, 4);
}

// Byte `i` of a row's sequence in neighbouring units.
HEARTH_INLINE unsigned unit_byte(const std::uint8_t* units, std::size_t row, std::size_t i) {
    return units[i / 4 * kUnit + 4 * row + i % 4];
}

HEARTH_INLINE void put_half(std::uint8_t* halves, std::size_t row, f16 value) {
    __builtin_memcpy(halves + 2 * row, &value, 2);
}
HEARTH_INLINE float get_half(const std::uint8_t* halves, std::size_t row) {
    f16 value;
    __builtin_memcpy(&value, halves + 2 * row, 2);
    return f16_to_f32(value);
}

HEARTH_INLINE std::uint8_t* bytes_of(std::byte* p) { return reinterpret_cast<std::uint8_t*>(p); }
HEARTH_INLINE const std::uint8_t* bytes_of(const std::byte* p) { return reinterpret_cast<const std::uint8_t*>(p); }

// Rows that a last panel lacks are zeros.
HEARTH_INLINE void clear_if_partial(std::byte* panel, std::size_t row_count, std::size_t bytes) {
    if (row_count < kRows) __builtin_memset(panel, 0, bytes);
}

// [rows][k] elements of a plain type to [k][row], 16 k at a time so that both sides stay in the cache.
template <class Element>
HEARTH_INLINE void transpose(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k,
                             std::byte* panel) {
    clear_if_partial(panel, row_count, k * kRows * sizeof(Element));
    for (std::size_t k0 = 0; k0 < k; k0 += 16) {
        const std::size_t end = k0 + 16 < k ? k0 + 16 : k;
        for (std::size_t r = 0; r < row_count; ++r)
            for (std::size_t i = k0; i < end; ++i)
                __builtin_memcpy(panel + (i * kRows + r) * sizeof(Element), rows + r * row_bytes + i * sizeof(Element),
                                 sizeof(Element));
    }
}

}  // namespace
}  // namespace hearth::panel
