// Q4_K panels (layout.hpp).
#include "kernels/panels/k_affine.hpp"

namespace hearth::panel {

void pack_q4_k(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    const std::size_t blocks = k / Q4_K::kValues;
    clear_if_partial(panel, row_count, blocks * Q4_K::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        std::uint8_t* const to = bytes_of(panel) + b * Q4_K::kBytes;
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<BlockQ4_K>(rows, row_bytes, r, b);
            put_k_scales<Q4_K>(block, r, to);
            scatter<32>(block.qs, r, to + Q4_K::kQuants);
        }
    }
}

void unpack_q4_k(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    for (std::size_t b = 0; b < k / Q4_K::kValues; ++b) {
        const std::uint8_t* const from = bytes_of(panel) + b * Q4_K::kBytes;
        const auto code = [=](std::size_t i) {
            return unit_byte(from + Q4_K::kQuants, row, i / 64 * 32 + i % 32) >> 4 * (i / 32 % 2) & 15;
        };
        unpack_k_block<Q4_K>(from, row, code, values + 256 * b);
    }
}

}  // namespace hearth::panel
