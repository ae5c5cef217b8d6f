// Q5_1 panels (layout.hpp).
#include "kernels/panels/blocks_of_32.hpp"

namespace hearth::panel {

void pack_q5_1(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    pack_nibbles<Q5_1, BlockQ5_1>(rows, row_bytes, row_count, k, panel,
                                  [](const BlockQ5_1& block, std::size_t row, std::uint8_t* to) {
                                      put_half(to, row, block.d);
                                      put_half(to + Q5_1::kM, row, block.m);
                                  });
}

void unpack_q5_1(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    unpack_nibbles<Q5_1>(panel, row, k, values, [=](const std::uint8_t* scales, unsigned code) {
        return get_half(scales, row) * static_cast<float>(code) + get_half(scales + Q5_1::kM, row);
    });
}

}  // namespace hearth::panel
