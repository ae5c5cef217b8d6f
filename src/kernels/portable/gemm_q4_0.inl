// GEMM with Q4_0 panels.
#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q4_0(const GemmArgs& a) { block_gemm<SmallCodes<Nibbles<panel::Q4_0, 8>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
