#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q4_0(const GemmArgs& a) {
    blocks_of_32_gemm<panel::Q4_0>(
        a, [](unsigned code) { return static_cast<int>(code) - 8; }, half_at);
}

}  // namespace hearth::scalar
