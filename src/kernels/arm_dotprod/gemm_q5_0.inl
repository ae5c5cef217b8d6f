#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q5_0(const GemmArgs& a) { block_gemm<DotsOf32<Nibbles<panel::Q5_0, 16>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
