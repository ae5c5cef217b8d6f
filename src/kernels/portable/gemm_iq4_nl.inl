// GEMM with IQ4_NL panels.
#include "kernels/portable/gemm_iq4.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatIQ4_NL {
    using Activation = ActQ8x32;
    using Layout = panel::IQ4_NL;
    static constexpr std::size_t kValues = Layout::kValues;

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = Layout::place(b, blocks);
        const std::int8_t* q[T];
        i32x16 dot[T];
        for (std::size_t t = 0; t < T; ++t) {
            q[t] = x[t]->q;
            dot[t] = dot4_begin(&x[t]->begin128);
        }
        add_iq4<Layout::kBytes, 1>(panel + at.block, ahead, 0, q, dot);
        const f32x16 d = load_halves(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(dot[t]), acc[t]);
    }
};

}  // namespace

void gemm_iq4_nl(const GemmArgs& a) { block_gemm<FormatIQ4_NL>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
