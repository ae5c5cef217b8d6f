#include "hearth/codecs/blocks.hpp"
#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesMXFP4 : TableNibbles<panel::MXFP4, fp4_values> {
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_e8m0_half(scales); }
};

}  // namespace

void gemm_mxfp4(const GemmArgs& a) { block_gemm<DotsOf32<CodesMXFP4>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
