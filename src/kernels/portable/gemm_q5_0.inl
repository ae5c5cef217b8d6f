// GEMM with Q5_0 panels.
#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q5_0(const GemmArgs& a) { block_gemm<SmallCodes<FiveBits<panel::Q5_0, 16>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
