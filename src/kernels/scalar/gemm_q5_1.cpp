#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q5_1(const GemmArgs& a) {
    blocks_of_32_gemm<panel::Q5_1>(
        a, [](unsigned code) { return static_cast<int>(code); }, half_at);
}

}  // namespace hearth::scalar
