#include "kernels/arm_dotprod/gemm_dots.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct DotsQ6_K {
    using Activation = ActQ8x256;
    using Layout = panel::Q6_K;
    static constexpr std::size_t kValues = Layout::kValues;

    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        constexpr int H = U / 32, S = U / 8 % 4, G = U % 8;  // half, quarter of it, group
        const std::uint8_t* const units = block + Layout::kUnits + (24 * H + 3 * G) * panel::kUnit;
        const u8x64 low = bits_down<4 * (S / 2), 15>(u8x64::load(units + (1 + S % 2) * panel::kUnit));
        return as_signed(or_(low, move_bits<4 - 2 * S, 48>(u8x64::load(units))));
    }

    // Sub-blocks 2 P and 2 P + 1 of 16. Their codes' offset of 32 comes off through the sums of the activations.
    template <int P, std::size_t T>
    HEARTH_SIMD static void add_pair(const std::uint8_t* block, const std::uint8_t* ahead,
                                     const ActQ8x256* const (&x)[T], const std::int8_t* const (&q)[T], i32x16 (&sum)[T],
                                     i32x16 (&offset)[T]) {
        fetch<P, 8>(ahead, Layout::kBytes);
        const i16x32 pair = i16x32::load_s8(reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * P));
        i32x16 dot[T];
        dot_values<DotsQ6_K, 32 * P, 16, T>(block, q, dot);
        for (std::size_t t = 0; t < T; ++t) {
            offset[t] = madd16(offset[t], pair, x[t]->sum16 + 2 * P);
            sum[t] = add_product(sum[t], even(pair), dot[t]);
        }
        dot_values<DotsQ6_K, 32 * P + 16, 16, T>(block, q, dot);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_product(sum[t], odd(pair), dot[t]);
    }
    template <std::size_t T, int... P>
    HEARTH_SIMD static void add_all(const std::uint8_t* block, const std::uint8_t* ahead,
                                    const ActQ8x256* const (&x)[T], i32x16 (&sum)[T],
                                    std::integer_sequence<int, P...>) {
        const std::int8_t* q[T];
        codes_of(x, q);
        i32x16 offset[T];
        for (std::size_t t = 0; t < T; ++t) offset[t] = sum[t] = i32x16::zero();
        (add_pair<P, T>(block, ahead, x, q, sum, offset), ...);
        for (std::size_t t = 0; t < T; ++t) sum[t] = sub(sum[t], shl<5>(offset[t]));
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = Layout::place(b, blocks);
        i32x16 sum[T];
        add_all<T>(panel + at.block, ahead, x, sum, std::make_integer_sequence<int, 8>());
        add_scaled(load_halves(panel + at.d), x, sum, acc);
    }
};

}  // namespace

void gemm_q6_k(const GemmArgs& a) { block_gemm<DotsQ6_K>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
