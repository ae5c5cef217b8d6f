#include "hearth/codecs/blocks.hpp"
#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {

void gemm_iq4_nl(const GemmArgs& a) { block_gemm<DotsOf32<TableNibbles<panel::IQ4_NL, iq4_values>>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
