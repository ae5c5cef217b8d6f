// GEMM with Q4_1 panels.
#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q4_1(const GemmArgs& a) { block_gemm<SmallCodes<Nibbles<panel::Q4_1, 0>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
