// Packed weights: 16 output rows in lanes, one layout for every instruction set. See src/kernels/panels/*.cpp for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hearth/kernels/kernels.hpp"

namespace hearth {

// Panels of a matrix; the last one may be short of rows.
constexpr std::size_t panels_of(std::size_t rows) { return (rows + kLanes - 1) / kLanes; }

struct PanelFormat {
    std::uint32_t codec;         // GGUF tensor type of the rows that it packs
    std::size_t block_values;    // k must be a multiple of it
    std::size_t block_bytes;     // bytes of 16 rows x block_values
    Activation activation;
    GemmFn KernelTable::*gemm;
    // rows [row_count <= 16, row_bytes] as stored in the file -> one panel; missing rows become zeros.
    void (*pack)(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel);
    // Row `row` (0 to 15) of a panel as float[k], equal to the bit to the codec's decode.
    void (*unpack)(const std::byte* panel, std::size_t row, std::size_t k, float* values);

    std::size_t panel_bytes(std::size_t k) const { return k / block_values * block_bytes; }
};

std::span<const PanelFormat> panel_formats();
const PanelFormat* find_panel_format(std::uint32_t codec);  // null: no packed form, decode to the F32 panel

}  // namespace hearth
