// Q5_K panels (layout.hpp).
#include "kernels/panels/k_affine.hpp"

namespace hearth::panel {

void pack_q5_k(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    const std::size_t blocks = k / Q5_K::kValues;
    clear_if_partial(panel, row_count, blocks * Q5_K::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        std::uint8_t* const to = bytes_of(panel) + b * Q5_K::kBytes;
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<BlockQ5_K>(rows, row_bytes, r, b);
            put_k_scales<Q5_K>(block, r, to);
            scatter<8, 5>(block.qh, r, to + Q5_K::kUnits);
            for (std::size_t p = 0; p < 4; ++p)
                scatter<8, 5>(block.qs + 32 * p, r, to + Q5_K::kUnits + (1 + p) * kUnit);
        }
    }
}

void unpack_q5_k(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    for (std::size_t b = 0; b < k / Q5_K::kValues; ++b) {
        const std::uint8_t* const from = bytes_of(panel) + b * Q5_K::kBytes;
        const auto code = [=](std::size_t i) {
            const std::uint8_t* const units = from + Q5_K::kUnits + 5 * (i % 32 / 4) * kUnit;
            const unsigned low = unit_byte(units + (1 + i / 64) * kUnit, row, i % 4) >> 4 * (i / 32 % 2) & 15;
            return low | (unit_byte(units, row, i % 4) >> i / 32 & 1) << 4;
        };
        unpack_k_block<Q5_K>(from, row, code, values + 256 * b);
    }
}

}  // namespace hearth::panel
