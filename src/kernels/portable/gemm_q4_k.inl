// GEMM with Q4_K panels.
#include "kernels/portable/gemm_k_affine.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesQ4_K {
    using Layout = panel::Q4_K;
    static constexpr int kTop = 15, kTogether = 2;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        return bits_down<4 * (S % 2), 15>(u8x64::load(block + Layout::kQuants + (S / 2 * 8 + g) * panel::kUnit));
    }
};

}  // namespace

void gemm_q4_k(const GemmArgs& a) { block_gemm<KAffine<CodesQ4_K>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
