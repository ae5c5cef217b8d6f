#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q5_k(const GemmArgs& a) {
    using Layout = panel::Q5_K;
    k_affine_gemm<Layout>(a, [](const std::uint8_t* block, std::size_t j, std::size_t g, std::size_t i) {
        const std::uint8_t* const units = block + Layout::kUnits + 5 * g * panel::kUnit;
        const std::uint8_t high = units[i], nibbles = units[(1 + j / 2) * panel::kUnit + i];
        return static_cast<std::uint8_t>((nibbles >> 4 * (j % 2) & 15) | (high >> j & 1) << 4);
    });
}

}  // namespace hearth::scalar
