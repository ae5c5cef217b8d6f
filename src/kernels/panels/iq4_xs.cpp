// IQ4_XS panels (layout.hpp).
#include "kernels/panels/pack.hpp"

namespace hearth::panel {

void pack_iq4_xs(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    const std::size_t blocks = k / IQ4_XS::kValues;
    clear_if_partial(panel, row_count, blocks * IQ4_XS::kBytes);
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<IQ4_XS::kBlock>(b, blocks);
        std::uint8_t* const to = bytes_of(panel) + at.block;
        for (std::size_t r = 0; r < row_count; ++r) {
            const auto block = load_block<BlockIQ4_XS>(rows, row_bytes, r, b);
            put_half(bytes_of(panel) + at.d, r, block.d);
            for (std::size_t j = 0; j < 8; ++j)
                to[IQ4_XS::kScales + j * kRows + r] =
                    static_cast<std::uint8_t>(iq4_xs_scale(block, static_cast<int>(j)));
            scatter<32>(block.qs, r, to + IQ4_XS::kUnits);
        }
    }
}

void unpack_iq4_xs(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    const std::size_t blocks = k / IQ4_XS::kValues;
    for (std::size_t b = 0; b < blocks; ++b) {
        const BlockPlace at = in_twos<IQ4_XS::kBlock>(b, blocks);
        const std::uint8_t* const from = bytes_of(panel) + at.block;
        const float d = get_half(bytes_of(panel) + at.d, row);
        for (std::size_t i = 0; i < 256; ++i) {
            const std::size_t j = i / 32;
            const unsigned code =
                unit_byte(from + IQ4_XS::kUnits + 4 * j * kUnit, row, i % 16) >> 4 * (i % 32 / 16) & 15;
            const float scale =
                d * static_cast<float>(static_cast<std::int8_t>(from[IQ4_XS::kScales + j * kRows + row]));
            values[256 * b + i] = scale * static_cast<float>(iq4_values[code]);
        }
    }
}

}  // namespace hearth::panel
