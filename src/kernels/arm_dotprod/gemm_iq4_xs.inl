#include "hearth/codecs/blocks.hpp"
#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct DotsIQ4_XS {
    using Activation = ActQ8x256;
    using Layout = panel::IQ4_XS;
    static constexpr std::size_t kValues = Layout::kValues;

    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        constexpr int J = U / 8, G = U % 8;  // sub-block and group
        const u8x64 w = u8x64::load(block + Layout::kUnits + (4 * J + G % 4) * panel::kUnit);
        return lookup(iq4_values, bits_down<4 * (G / 4), 15>(w));
    }

    template <int J, std::size_t T>
    HEARTH_SIMD static void add_sub_block(const std::uint8_t* block, const std::uint8_t* ahead,
                                          const std::int8_t* const (&q)[T], i32x16 (&sum)[T]) {
        fetch<J, 8>(ahead, Layout::kBytes);
        i32x16 dot[T];
        dot_values<DotsIQ4_XS, 32 * J, 32, T>(block, q, dot);
        const auto* const scales = reinterpret_cast<const std::int8_t*>(block + Layout::kScales);
        const i32x16 scale = i32x16::load_s8(scales + J * panel::kRows);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_product(sum[t], scale, dot[t]);
    }
    template <std::size_t T, int... J>
    HEARTH_SIMD static void add_all(const std::uint8_t* block, const std::uint8_t* ahead,
                                    const std::int8_t* const (&q)[T], i32x16 (&sum)[T],
                                    std::integer_sequence<int, J...>) {
        (add_sub_block<J, T>(block, ahead, q, sum), ...);
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = Layout::place(b, blocks);
        const std::int8_t* q[T];
        codes_of(x, q);
        i32x16 sum[T];
        for (i32x16& s : sum) s = i32x16::zero();
        add_all<T>(panel + at.block, ahead, q, sum, std::make_integer_sequence<int, 8>());
        add_scaled(load_halves(panel + at.d), x, sum, acc);
    }
};

}  // namespace

void gemm_iq4_xs(const GemmArgs& a) { block_gemm<DotsIQ4_XS>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
