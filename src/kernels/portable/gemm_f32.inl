// GEMM with F32 panels.
#include "kernels/portable/gemm_float.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_f32(const GemmArgs& a) { float_gemm<LoadF32>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
