// GEMM with Q5_K panels.
#include "kernels/portable/gemm_k_affine.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesQ5_K {
    using Layout = panel::Q5_K;
    static constexpr int kTop = 31, kTogether = 8;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        const std::uint8_t* const units = block + Layout::kUnits + 5 * g * panel::kUnit;
        const u8x64 low = bits_down<4 * (S % 2), 15>(u8x64::load(units + (1 + S / 2) * panel::kUnit));
        return or_(low, move_bits<4 - S, 16>(u8x64::load(units)));
    }
};

}  // namespace

void gemm_q5_k(const GemmArgs& a) { block_gemm<KAffine<CodesQ5_K>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
