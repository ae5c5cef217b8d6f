// Q4_0 panels (layout.hpp).
#include "kernels/panels/pack.hpp"

namespace hearth::panel {

void pack_q4_0(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    const std::size_t blocks = k / Q4_0::kValues;
    clear_if_partial(panel, row_count, blocks * Q4_0::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<Q4_0::kBlock>(b, blocks);
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<BlockQ4_0>(rows, row_bytes, r, b);
            scatter<4>(block.qs, r, bytes_of(panel) + at.block);
            put_half(bytes_of(panel) + at.d, r, block.d);
        }
    }
}

void unpack_q4_0(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    const std::size_t blocks = k / Q4_0::kValues;
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<Q4_0::kBlock>(b, blocks);
        const float d = get_half(bytes_of(panel) + at.d, row);
        for (std::size_t i = 0; i < 32; ++i) {
            const unsigned byte = unit_byte(bytes_of(panel) + at.block, row, i % 16);
            const int q = static_cast<int>(byte >> 4 * (i / 16) & 15) - 8;
            values[32 * b + i] = d * static_cast<float>(q);
        }
    }
}

}  // namespace hearth::panel
