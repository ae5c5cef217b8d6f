// MXFP4 panels (layout.hpp).
#include "kernels/panels/blocks_of_32.hpp"

namespace hearth::panel {

void pack_mxfp4(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    pack_nibbles<MXFP4, BlockMXFP4>(
        rows, row_bytes, row_count, k, panel,
        [](const BlockMXFP4& block, std::size_t row, std::uint8_t* to) { to[row] = block.e; });
}

void unpack_mxfp4(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    unpack_nibbles<MXFP4>(panel, row, k, values, [=](const std::uint8_t* scales, unsigned code) {
        return e8m0_half(scales[row]) * static_cast<float>(fp4_values[code]);
    });
}

}  // namespace hearth::panel
