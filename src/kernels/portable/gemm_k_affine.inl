// What the Q4_K and Q5_K kernels share: 8 sub-blocks of 32 codes with integer scales and mins, all of a super-block
// summed in int32. A Format of gemm_blocks.inl made from Codes, which has
//   using Layout; static constexpr int kTop (the largest code);
//   template <int S> static u8x64 codes(const std::uint8_t* block, std::size_t g): k = 32 S + 4 g to + 3.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

template <class Codes>
struct KAffine {
    using Activation = ActQ8x256;
    using Layout = typename Codes::Layout;
    static constexpr std::size_t kValues = Layout::kValues;
    static constexpr std::size_t kSteps = small_dot_steps<Codes::kTop> < 8 ? small_dot_steps<Codes::kTop> : 8;

    // sum += scale of sub-block S * its dot products.
    template <int S, std::size_t T>
    HEARTH_SIMD static void sub_block(const std::uint8_t* block, small_scale scale, const ActQ8x256* const (&x)[T],
                                      i32x16 (&sum)[T]) {
        for (std::size_t first = 0; first < 8; first += kSteps) {
            small_dot dot[T];
            for (std::size_t t = 0; t < T; ++t) dot[t] = small_dot::zero();
            for (std::size_t g = first; g < first + kSteps; ++g) {
                const u8x64 w = Codes::template codes<S>(block, g);
                for (std::size_t t = 0; t < T; ++t) dot[t] = step(dot[t], w, x[t]->q + 32 * S + 4 * g);
            }
            for (std::size_t t = 0; t < T; ++t) sum[t] = add_scaled_dot(sum[t], scale, dot[t]);
        }
    }

    template <int P, std::size_t T>
    HEARTH_SIMD static void pair(const std::uint8_t* block, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        const i16x32 scales = i16x32::load_u8(block + Layout::kScales + 32 * P);
        sub_block<2 * P, T>(block, even(scales), x, sum);
        sub_block<2 * P + 1, T>(block, odd(scales), x, sum);
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t, std::size_t b, const ActQ8x256* const (&x)[T],
                                  f32x16 (&acc)[T]) {
        const std::uint8_t* const block = panel + b * Layout::kBytes;
        prefetch_weights<T>(block, Layout::kBytes);
        i32x16 sum[T], min_sum[T];
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        pair<0, T>(block, x, sum);
        pair<1, T>(block, x, sum);
        pair<2, T>(block, x, sum);
        pair<3, T>(block, x, sum);
        const f32x16 d = load_halves(block + Layout::kD), dmin = load_halves(block + Layout::kDmin);
        for (std::size_t t = 0; t < T; ++t) {
            acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
            min_sum[t] = i32x16::zero();
        }
        for (std::size_t p = 0; p < 4; ++p) {
            const i16x32 mins = i16x32::load_u8(block + Layout::kMins + 32 * p);
            for (std::size_t t = 0; t < T; ++t) min_sum[t] = madd16(min_sum[t], mins, x[t]->sum32 + 2 * p);
        }
        for (std::size_t t = 0; t < T; ++t)
            acc[t] = fma(neg(mul(dmin, f32x16::splat(x[t]->scale))), to_f32(min_sum[t]), acc[t]);
    }
};

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
