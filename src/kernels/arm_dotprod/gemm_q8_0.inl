#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesQ8_0 {
    using Layout = panel::Q8_0;
    static constexpr int kOffset = 0;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        return s8x64::load_offset(block + U * panel::kUnit);
    }
};

}  // namespace

void gemm_q8_0(const GemmArgs& a) { block_gemm<DotsOf32<CodesQ8_0>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
