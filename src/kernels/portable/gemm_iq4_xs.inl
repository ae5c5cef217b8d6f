// GEMM with IQ4_XS panels.
#include "kernels/portable/gemm_iq4.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatIQ4_XS {
    using Activation = ActQ8x256;
    using Layout = panel::IQ4_XS;
    static constexpr std::size_t kValues = Layout::kValues;

    template <int J, std::size_t T>
    HEARTH_SIMD static void add_sub_block(const std::uint8_t* block, const std::uint8_t* ahead,
                                          const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        const std::int8_t* q[T];
        i32x16 dot[T];
        for (std::size_t t = 0; t < T; ++t) {
            q[t] = x[t]->q + 32 * J;
            dot[t] = dot4_start(x[t]->sum32[J]);
        }
        add_iq4<Layout::kBytes, 8>(block + Layout::kUnits + 4 * J * panel::kUnit, ahead, J, q, dot);
        const auto* const scales = reinterpret_cast<const std::int8_t*>(block + Layout::kScales);
        const i32x16 scale = i32x16::load_s8(scales + J * panel::kRows);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add(sum[t], mul(scale, dot[t]));
    }
    template <std::size_t T, int... J>
    HEARTH_SIMD static void add_all(const std::uint8_t* block, const std::uint8_t* ahead,
                                    const ActQ8x256* const (&x)[T], i32x16 (&sum)[T],
                                    std::integer_sequence<int, J...>) {
        (add_sub_block<J, T>(block, ahead, x, sum), ...);
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
        i32x16 sum[T];
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        add_all<T>(panel + at.block, ahead, x, sum, std::make_integer_sequence<int, 8>());
        const f32x16 d = load_halves(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
    }
};

}  // namespace

void gemm_iq4_xs(const GemmArgs& a) { block_gemm<FormatIQ4_XS>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
