// Q5_0 panels (layout.hpp).
#include "kernels/panels/blocks_of_32.hpp"

namespace hearth::panel {

void pack_q5_0(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    pack_nibbles<Q5_0, BlockQ5_0>(
        rows, row_bytes, row_count, k, panel,
        [](const BlockQ5_0& block, std::size_t row, std::uint8_t* to) { put_half(to, row, block.d); });
}

void unpack_q5_0(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    unpack_nibbles<Q5_0>(panel, row, k, values, [=](const std::uint8_t* scales, unsigned code) {
        return get_half(scales, row) * with_offset(code, 16);
    });
}

}  // namespace hearth::panel
