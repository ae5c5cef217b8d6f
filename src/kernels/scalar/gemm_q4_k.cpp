#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q4_k(const GemmArgs& a) {
    using Layout = panel::Q4_K;
    k_affine_gemm<Layout>(a, [](const std::uint8_t* block, std::size_t j, std::size_t g, std::size_t i) {
        const std::uint8_t nibbles = block[Layout::kQuants + (j / 2 * 8 + g) * panel::kUnit + i];
        return static_cast<std::uint8_t>(nibbles >> 4 * (j % 2) & 15);
    });
}

}  // namespace hearth::scalar
