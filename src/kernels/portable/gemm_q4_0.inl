// GEMM with Q4_0 panels. The codes stay unsigned; their offset of 8 comes off through the sum of the activations.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatQ4_0 {
    using Activation = ActQ8x32;
    using Layout = panel::Q4_0;
    static constexpr std::size_t kValues = Layout::kValues;
    static_assert(small_dot_steps<15> >= 8);

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        fetch<0, 1>(ahead, Layout::kBytes);
        const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
        small_dot dot[T];
        for (std::size_t t = 0; t < T; ++t) dot[t] = small_dot::zero();
        for (std::size_t g = 0; g < 4; ++g) {
            const u8x64 w = u8x64::load(panel + at.block + g * panel::kUnit);
            const u8x64 low = bits_down<0, 15>(w), high = bits_down<4, 15>(w);
            for (std::size_t t = 0; t < T; ++t) {
                dot[t] = step(dot[t], low, x[t]->q + 4 * g);
                dot[t] = step(dot[t], high, x[t]->q + 16 + 4 * g);
            }
        }
        const f32x16 d = load_halves(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) {
            const i32x16 sum = add_dot(i32x16::splat(-8 * x[t]->sum), dot[t]);
            acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum), acc[t]);
        }
    }
};

}  // namespace

void gemm_q4_0(const GemmArgs& a) { block_gemm<FormatQ4_0>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
