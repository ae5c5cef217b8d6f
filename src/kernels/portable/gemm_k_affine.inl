// What the Q4_K and Q5_K kernels share: 8 sub-blocks of 32 codes with integer scales and mins, all of a super-block
// summed in int32. A Format of gemm_blocks.inl made from Codes, which has
//   using Layout; static constexpr int kTop (the largest code), kTogether (sub-blocks of which the units stand
//   together); template <int S> static u8x64 codes(const std::uint8_t* block, std::size_t g): k = 32 S + 4 g to + 3.
#include "kernels/portable/gemm_calm.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

template <class Codes>
struct KAffine {
    using Activation = ActQ8x256;
    using Layout = typename Codes::Layout;
    static constexpr std::size_t kValues = Layout::kValues;
    // Calm: of calm activations.
    template <bool Calm>
    static constexpr std::size_t kSteps = dot_steps<Codes::kTop, Calm> < 8 ? dot_steps<Codes::kTop, Calm> : 8;

    // `codes` where they were unpacked before, else null.
    template <int S, bool Unpacked, std::size_t T>
    HEARTH_SIMD static void add_codes(const std::uint8_t* block, const std::uint8_t* codes, std::size_t g,
                                      const ActQ8x256* const (&x)[T], small_dot (&dot)[T]) {
        const u8x64 w = unpacked_or<Unpacked>(codes, 8 * S + g, [&] { return Codes::template codes<S>(block, g); });
        for (std::size_t t = 0; t < T; ++t) dot[t] = step(dot[t], w, x[t]->q + 32 * S + 4 * g);
    }

    template <int S, bool Calm, std::size_t T>
    HEARTH_SIMD static void add_sub_block(const std::uint8_t* block, const small_dot (&dot)[T], i32x16 (&sum)[T]) {
        const i16x32 pair = i16x32::load_u8(block + Layout::kScales + 32 * (S / 2));
        const small_scale scale = S % 2 ? odd(pair) : even(pair);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_scaled_dot<Codes::kTop, Calm>(sum[t], scale, dot[t]);
    }

    // Sub-blocks First + I side by side.
    template <int First, bool Unpacked, bool Calm, std::size_t T, int... I>
    HEARTH_SIMD static void sub_blocks(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                       const ActQ8x256* const (&x)[T], i32x16 (&sum)[T],
                                       std::integer_sequence<int, I...>) {
        constexpr std::size_t N = sizeof...(I);
        for (std::size_t start = 0; start < 8; start += kSteps<Calm>) {
            small_dot dot[N][T];
            for (auto& of_tokens : dot)
                for (small_dot& d : of_tokens) d = small_dot::zero();
            for (std::size_t g = start; g < start + kSteps<Calm>; ++g) {
                fetch<Layout::kBytes, 64 / N>(ahead, First / N * 8 + g);
                (add_codes<First + I, Unpacked, T>(block, codes, g, x, dot[I]), ...);
            }
            (add_sub_block<First + I, Calm, T>(block, dot[I], sum), ...);
        }
    }

    template <std::size_t T, bool Unpacked, bool Calm, int N, int... I>
    HEARTH_SIMD static void all_sub_blocks(const std::uint8_t* block, const std::uint8_t* ahead,
                                           const std::uint8_t* codes, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T],
                                           std::integer_sequence<int, I...>) {
        (sub_blocks<N * I, Unpacked, Calm, T>(block, ahead, codes, x, sum, std::make_integer_sequence<int, N>()), ...);
    }

    template <std::size_t T>
    HEARTH_SIMD static void add_mins(const std::uint8_t* block, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        for (std::size_t p = 0; p < 4; ++p) {
            const i16x32 mins = i16x32::load_u8(block + Layout::kMins + 32 * p);
            for (std::size_t t = 0; t < T; ++t) sum[t] = madd16(sum[t], mins, x[t]->sum32 + 2 * p);
        }
    }

    template <std::size_t T, bool Unpacked, bool Calm>
    HEARTH_SIMD static void any_block(const std::uint8_t* panel, std::size_t b, const std::uint8_t* ahead,
                                      const std::uint8_t* codes, const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const std::uint8_t* const block = panel + b * Layout::kBytes;
        constexpr int N = sub_blocks_together<T, Codes::kTogether>;
        i32x16 sum[T], min_sum[T];
        if constexpr (T == 1) {
            for (std::size_t i = 0; i < 5; ++i) __builtin_prefetch(block + 64 * i);
            add_mins<T>(block, x, min_sum);
        }
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        all_sub_blocks<T, Unpacked, Calm, N>(block, ahead, codes, x, sum, std::make_integer_sequence<int, 8 / N>());
        const f32x16 d = load_halves(block + Layout::kD), dmin = load_halves(block + Layout::kDmin);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
        if constexpr (T > 1) add_mins<T>(block, x, min_sum);
        for (std::size_t t = 0; t < T; ++t)
            acc[t] = fma(neg(mul(dmin, f32x16::splat(x[t]->scale))), to_f32(min_sum[t]), acc[t]);
    }
    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t, std::size_t b, const std::uint8_t* ahead,
                                  const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        any_block<T, false, false>(panel, b, ahead, nullptr, x, acc);
    }
    template <std::size_t T>
    HEARTH_SIMD static void unpacked_block(const std::uint8_t* panel, std::size_t, std::size_t b,
                                           const std::uint8_t* ahead, const std::uint8_t* codes,
                                           const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        if constexpr (gains_by_calm<Codes::kTop>)
            if (all_calm<T>(x)) return any_block<T, true, true>(panel, b, ahead, codes, x, acc);
        any_block<T, true, false>(panel, b, ahead, codes, x, acc);
    }

    template <int... S>
    HEARTH_SIMD static void unpack_all(const std::uint8_t* block, std::uint8_t* codes,
                                       std::integer_sequence<int, S...>) {
        for (std::size_t g = 0; g < 8; ++g)
            (store(codes + (8 * S + g) * panel::kUnit, Codes::template codes<S>(block, g)), ...);
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t, std::size_t b, std::uint8_t* codes) {
        unpack_all(panel + b * Layout::kBytes, codes, std::make_integer_sequence<int, 8>());
    }
};

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
