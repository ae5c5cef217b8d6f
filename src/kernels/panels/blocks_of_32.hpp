// What the panels of Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL and MXFP4 share: 32 codes as nibbles, perhaps fifth bits.
#pragma once

#include "kernels/panels/pack.hpp"

namespace hearth::panel {
namespace {

// put_scales(block, row, to) for each block, and its nibbles.
template <class Layout, class Block, class PutScales>
HEARTH_INLINE void pack_nibbles(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k,
                                std::byte* panel, PutScales put_scales) {
    const std::size_t blocks = k / Layout::kValues;
    clear_if_partial(panel, row_count, blocks * Layout::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = Layout::place(b, blocks);
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<Block>(rows, row_bytes, r, b);
            put_scales(block, r, bytes_of(panel) + at.d);
            scatter<4>(block.qs, r, bytes_of(panel) + at.block + Layout::kNibbles);
            if constexpr (Layout::kNibbles != 0) {
                std::uint8_t fifth[4] = {};
                for (std::size_t i = 0; i < 32; ++i)
                    fifth[i % 4] = static_cast<std::uint8_t>(fifth[i % 4] | (block.qh >> i & 1) << i / 4);
                scatter<1>(fifth, r, bytes_of(panel) + at.block);
            }
        }
    }
}

// values[k] of one row; value(scales, code) gives one of a block.
template <class Layout, class Value>
HEARTH_INLINE void unpack_nibbles(const std::byte* panel, std::size_t row, std::size_t k, float* values, Value value) {
    const std::size_t blocks = k / Layout::kValues;
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = Layout::place(b, blocks);
        const std::uint8_t* const block = bytes_of(panel) + at.block;
        for (std::size_t i = 0; i < 32; ++i) {
            unsigned code = unit_byte(block + Layout::kNibbles, row, i % 16) >> 4 * (i / 16) & 15;
            if constexpr (Layout::kNibbles != 0) code |= (unit_byte(block, row, i % 4) >> i / 4 & 1) << 4;
            values[32 * b + i] = value(bytes_of(panel) + at.d, code);
        }
    }
}

HEARTH_INLINE float with_offset(unsigned code, int offset) {
    return static_cast<float>(static_cast<int>(code) - offset);
}

}  // namespace
}  // namespace hearth::panel
