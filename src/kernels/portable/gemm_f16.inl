// GEMM with F16 panels.
#include "kernels/portable/gemm_float.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_f16(const GemmArgs& a) { float_gemm<LoadF16>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
