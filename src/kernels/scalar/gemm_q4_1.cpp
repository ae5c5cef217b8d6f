#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q4_1(const GemmArgs& a) {
    blocks_of_32_gemm<panel::Q4_1>(
        a, [](unsigned code) { return static_cast<int>(code); }, half_at);
}

}  // namespace hearth::scalar
