#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesQ5_K {
    using Layout = panel::Q5_K;
    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        constexpr int S = U / 8, G = U % 8;  // sub-block and group
        const std::uint8_t* const units = block + Layout::kUnits + 5 * G * panel::kUnit;
        const u8x64 low = bits_down<4 * (S % 2), 15>(u8x64::load(units + (1 + S / 2) * panel::kUnit));
        return as_signed(or_(low, move_bits<4 - S, 16>(u8x64::load(units))));
    }
};

}  // namespace

void gemm_q5_k(const GemmArgs& a) { block_gemm<DotsKAffine<CodesQ5_K>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
