// GEMM with BF16 panels.
#include "kernels/portable/gemm_float.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_bf16(const GemmArgs& a) { float_gemm<LoadBF16>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
