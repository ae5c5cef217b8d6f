// Q4_1 panels (layout.hpp).
#include "kernels/panels/blocks_of_32.hpp"

namespace hearth::panel {

void pack_q4_1(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    pack_nibbles<Q4_1, BlockQ4_1>(rows, row_bytes, row_count, k, panel,
                                  [](const BlockQ4_1& block, std::size_t row, std::uint8_t* to) {
                                      put_half(to, row, block.d);
                                      put_half(to + Q4_1::kM, row, block.m);
                                  });
}

void unpack_q4_1(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    unpack_nibbles<Q4_1>(panel, row, k, values, [=](const std::uint8_t* scales, unsigned code) {
        return get_half(scales, row) * static_cast<float>(code) + get_half(scales + Q4_1::kM, row);
    });
}

}  // namespace hearth::panel
