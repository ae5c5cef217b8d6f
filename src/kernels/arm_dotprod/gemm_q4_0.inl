#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q4_0(const GemmArgs& a) { block_gemm<DotsOf32<Nibbles<panel::Q4_0, 8>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
