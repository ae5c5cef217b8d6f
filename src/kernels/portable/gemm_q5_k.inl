// GEMM with Q5_K panels.
#include "kernels/portable/codes_k.inl"
#include "kernels/portable/gemm_k_affine.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_q5_k(const GemmArgs& a) { block_gemm<KAffine<CodesQ5_K>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
