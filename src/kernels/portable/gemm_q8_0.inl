// GEMM with Q8_0 panels.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatQ8_0 {
    using Activation = ActQ8x32;
    using Layout = panel::Q8_0;
    static constexpr std::size_t kValues = Layout::kValues;

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
        i32x16 dot[T];
        for (std::size_t t = 0; t < T; ++t) dot[t] = dot4_begin(&x[t]->begin128);
        for (std::size_t g = 0; g < 8; ++g) {
            fetch<Layout::kBytes, 8>(ahead, g);
            const s8x64 w = s8x64::load_offset(panel + at.block + g * panel::kUnit);
            for (std::size_t t = 0; t < T; ++t) dot[t] = dot4(dot[t], w, x[t]->q + 4 * g);
        }
        const f32x16 d = load_halves(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(dot[t]), acc[t]);
    }
};

}  // namespace

void gemm_q8_0(const GemmArgs& a) { block_gemm<FormatQ8_0>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
