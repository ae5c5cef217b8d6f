// F32 panels: [k][row].
#include "kernels/panels/pack.hpp"

namespace hearth::panel {

void pack_f32(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, std::size_t k, std::byte* panel) {
    transpose<float>(rows, row_bytes, row_count, k, panel);
}

void unpack_f32(const std::byte* panel, std::size_t row, std::size_t k, float* values) {
    for (std::size_t i = 0; i < k; ++i) {
        float x;
        __builtin_memcpy(&x, panel + (i * kRows + row) * sizeof x, sizeof x);
        values[i] = x;
    }
}

}  // namespace hearth::panel
