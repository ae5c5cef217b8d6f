// What Q4_K and Q5_K panels share: two half scales, and scales and mins widened to bytes in pairs of sub-blocks.
#pragma once

#include "kernels/panels/pack.hpp"

namespace hearth::panel {
namespace {

// Place of sub-block j in [j / 2][row][2].
HEARTH_INLINE std::size_t in_pairs(std::size_t j, std::size_t row) { return j / 2 * 2 * kRows + 2 * row + j % 2; }

template <class Layout, class Block>
HEARTH_INLINE void put_k_scales(const Block& block, std::size_t row, std::uint8_t* to) {
    put_half(to + Layout::kD, row, block.d);
    put_half(to + Layout::kDmin, row, block.dmin);
    for (std::size_t j = 0; j < 8; ++j) {
        to[Layout::kScales + in_pairs(j, row)] = k_scale(block.scales, static_cast<int>(j));
        to[Layout::kMins + in_pairs(j, row)] = k_min(block.scales, static_cast<int>(j));
    }
}

// values[256] of one row; code(i) gives the code of value i.
template <class Layout, class Code>
HEARTH_INLINE void unpack_k_block(const std::uint8_t* from, std::size_t row, Code code, float* values) {
    const float d = get_half(from + Layout::kD, row), dmin = get_half(from + Layout::kDmin, row);
    for (std::size_t j = 0; j < 8; ++j) {
        const float scale = d * static_cast<float>(from[Layout::kScales + in_pairs(j, row)]);
        const float min = dmin * static_cast<float>(from[Layout::kMins + in_pairs(j, row)]);
        for (std::size_t i = 32 * j; i < 32 * j + 32; ++i) values[i] = scale * static_cast<float>(code(i)) - min;
    }
}

}  // namespace
}  // namespace hearth::panel
