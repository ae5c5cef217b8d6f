// IQ4_NL panels (layout.hpp).
#include "kernels/panels/blocks_of_32.hpp"

namespace hearth::panel {

void pack_iq4_nl(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    pack_nibbles<IQ4_NL, BlockIQ4_NL>(
        rows, row_bytes, row_count, k, panel,
        [](const BlockIQ4_NL& block, std::size_t row, std::uint8_t* to) { put_half(to, row, block.d); });
}

void unpack_iq4_nl(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    unpack_nibbles<IQ4_NL>(panel, row, k, values, [=](const std::uint8_t* scales, unsigned code) {
        return get_half(scales, row) * static_cast<float>(iq4_values[code]);
    });
}

}  // namespace hearth::panel
