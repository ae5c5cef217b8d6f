#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesQ4_K {
    using Layout = panel::Q4_K;
    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        constexpr int S = U / 8, G = U % 8;  // sub-block and group
        const u8x64 w = u8x64::load(block + Layout::kQuants + (8 * (S / 2) + G) * panel::kUnit);
        return as_signed(bits_down<4 * (S % 2), 15>(w));
    }
};

}  // namespace

void gemm_q4_k(const GemmArgs& a) { block_gemm<DotsKAffine<CodesQ4_K>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
