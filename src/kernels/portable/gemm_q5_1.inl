// GEMM with Q5_1 panels.
#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q5_1(const GemmArgs& a) { block_gemm<SmallCodes<FiveBits<panel::Q5_1, 0>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
