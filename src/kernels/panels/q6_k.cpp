// Q6_K panels (layout.hpp).
#include "kernels/panels/k_affine.hpp"

namespace hearth::panel {

void pack_q6_k(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    const std::size_t blocks = k / Q6_K::kValues;
    clear_if_partial(panel, row_count, blocks * Q6_K::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<Q6_K::kBlock>(b, blocks);
        std::uint8_t* const to = bytes_of(panel) + at.block;
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<BlockQ6_K>(rows, row_bytes, r, b);
            put_half(bytes_of(panel) + at.d, r, block.d);
            for (std::size_t j = 0; j < 16; ++j)
                to[Q6_K::kScales + in_pairs(j, r)] = static_cast<std::uint8_t>(block.scales[j]);
            std::uint8_t* const units = to + Q6_K::kUnits;
            scatter<16, 3>(block.qh, r, units);
            for (std::size_t h = 0; h < 2; ++h)
                for (std::size_t e = 0; e < 2; ++e)
                    scatter<8, 3>(block.ql + 64 * h + 32 * e, r, units + (24 * h + 1 + e) * kUnit);
        }
    }
}

void unpack_q6_k(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    const std::size_t blocks = k / Q6_K::kValues;
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<Q6_K::kBlock>(b, blocks);
        const std::uint8_t* const from = bytes_of(panel) + at.block;
        const float d = get_half(bytes_of(panel) + at.d, row);
        for (std::size_t i = 0; i < 256; ++i) {
            const std::size_t h = i / 128, s = i / 32 % 4, g = i % 32 / 4;
            const std::uint8_t* const units = from + Q6_K::kUnits + (24 * h + 3 * g) * kUnit;
            const unsigned low = unit_byte(units + (1 + s % 2) * kUnit, row, i % 4) >> 4 * (s / 2) & 15;
            const unsigned high = unit_byte(units, row, i % 4) >> 2 * s & 3;
            const float scale =
                d * static_cast<float>(static_cast<std::int8_t>(from[Q6_K::kScales + in_pairs(i / 16, row)]));
            values[256 * b + i] = scale * static_cast<float>(static_cast<int>(low | high << 4) - 32);
        }
    }
}

}  // namespace hearth::panel
