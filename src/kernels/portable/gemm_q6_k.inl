// GEMM with Q6_K panels. The codes stay unsigned; their offset of 32 comes off through the sums of the activations: of
// calm ones where each dot begins, else of a whole block at once.
#include "kernels/portable/codes_k.inl"
#include "kernels/portable/gemm_calm.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatQ6_K {
    using Activation = ActQ8x256;
    using Layout = panel::Q6_K;
    static constexpr std::size_t kValues = Layout::kValues;
    template <bool Calm>
    static constexpr std::size_t kSteps = dot_steps<63, Calm> < 4 ? dot_steps<63, Calm> : 4;

    // Scales of sub-blocks 2 p and 2 p + 1.
    HEARTH_SIMD static i16x32 scales(const std::uint8_t* block, std::size_t p) {
        return i16x32::load_s8(reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * p));
    }

    // k = 128 H + 32 S + 4 g to + 3.
    template <std::size_t H, int S, bool Unpacked, std::size_t T>
    HEARTH_SIMD static void add_codes(const std::uint8_t* block, const std::uint8_t* codes, std::size_t g,
                                      const ActQ8x256* const (&x)[T], small_dot (&dot)[T]) {
        constexpr int At = 4 * static_cast<int>(H) + S;
        const u8x64 w = unpacked_or<Unpacked>(codes, 8 * At + g, [&] { return CodesQ6_K::codes<At>(block, g); });
        for (std::size_t t = 0; t < T; ++t) dot[t] = step(dot[t], w, x[t]->q + 128 * H + 32 * S + 4 * g);
    }

    // k = 128 H + 32 S + 4 start is the first.
    template <std::size_t H, int S, bool Calm, class Dot, std::size_t T>
    HEARTH_SIMD static void begin(std::size_t start, const ActQ8x256* const (&x)[T], Dot (&dot)[T]) {
        for (std::size_t t = 0; t < T; ++t) {
            if constexpr (Calm)
                dot[t] = Dot::begin16(x[t]->begin16 + 8 * H + 2 * S + start / 4);
            else
                dot[t] = Dot::zero();
        }
    }

    template <std::size_t H, int S, bool Calm, std::size_t T>
    HEARTH_SIMD static void add_sub_block(const std::uint8_t* block, bool second, const small_dot (&dot)[T],
                                          i32x16 (&sum)[T]) {
        const i16x32 pair = scales(block, 4 * H + S);
        const small_scale scale = second ? odd(pair) : even(pair);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_scaled_dot<63, Calm>(sum[t], scale, dot[t]);
    }

    // Of 128 k those of the quarters First, First + Step ... side by side: 4 groups make a sub-block of 16.
    template <std::size_t H, int First, int Step, bool Unpacked, bool Calm, std::size_t T, int... I>
    HEARTH_SIMD static void quarters(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                     const ActQ8x256* const (&x)[T], i32x16 (&sum)[T],
                                     std::integer_sequence<int, I...>) {
        for (std::size_t start = 0; start < 8; start += kSteps<Calm>) {
            small_dot dot[sizeof...(I)][T];
            (begin<H, First + I * Step, Calm>(start, x, dot[I]), ...);
            for (std::size_t g = start; g < start + kSteps<Calm>; ++g) {
                fetch<Layout::kBytes, 16 * Step>(ahead, 8 * (H * Step + First) + g);
                (add_codes<H, First + I * Step, Unpacked, T>(block, codes, g, x, dot[I]), ...);
            }
            (add_sub_block<H, First + I * Step, Calm, T>(block, start >= 4, dot[I], sum), ...);
        }
    }

    // Quarters S and S + 2 share their nibbles, all four their upper bits.
    template <int H, bool Unpacked, bool Calm, std::size_t T>
    HEARTH_SIMD static void half(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                 const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        constexpr int N = sub_blocks_together<T, 4>;
        constexpr std::make_integer_sequence<int, N> together;
        quarters<H, 0, 4 / N, Unpacked, Calm, T>(block, ahead, codes, x, sum, together);
        if constexpr (N < 4) quarters<H, 1, 4 / N, Unpacked, Calm, T>(block, ahead, codes, x, sum, together);
        if constexpr (N < 2) quarters<H, 2, 4 / N, Unpacked, Calm, T>(block, ahead, codes, x, sum, together);
        if constexpr (N < 2) quarters<H, 3, 4 / N, Unpacked, Calm, T>(block, ahead, codes, x, sum, together);
    }

    template <std::size_t T>
    HEARTH_SIMD static void add_offsets(const std::uint8_t* block, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        for (std::size_t p = 0; p < 8; ++p) {
            const i16x32 pair = scales(block, p);
            for (std::size_t t = 0; t < T; ++t) sum[t] = madd16(sum[t], pair, x[t]->sum16 + 2 * p);
        }
        for (std::size_t t = 0; t < T; ++t) sum[t] = sub(i32x16::zero(), shl<5>(sum[t]));
    }

    template <std::size_t T, bool Unpacked, bool Calm>
    HEARTH_SIMD static void any_block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                      const std::uint8_t* ahead, const std::uint8_t* codes,
                                      const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
        const std::uint8_t* const block = panel + at.block;
        i32x16 sum[T];
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        if constexpr (!Calm) add_offsets<T>(block, x, sum);
        half<0, Unpacked, Calm, T>(block, ahead, codes, x, sum);
        half<1, Unpacked, Calm, T>(block, ahead, codes, x, sum);
        const f32x16 d = load_halves(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
    }
    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        any_block<T, false, false>(panel, blocks, b, ahead, nullptr, x, acc);
    }
    template <std::size_t T>
    HEARTH_SIMD static void unpacked_block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                           const std::uint8_t* ahead, const std::uint8_t* codes,
                                           const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        if constexpr (gains_by_calm<63>)
            if (all_calm<T>(x)) return any_block<T, true, true>(panel, blocks, b, ahead, codes, x, acc);
        any_block<T, true, false>(panel, blocks, b, ahead, codes, x, acc);
    }

    template <int... S>
    HEARTH_SIMD static void unpack_all(const std::uint8_t* block, std::uint8_t* codes,
                                       std::integer_sequence<int, S...>) {
        for (std::size_t g = 0; g < 8; ++g)
            (store(codes + (8 * S + g) * panel::kUnit, CodesQ6_K::codes<S>(block, g)), ...);
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t blocks, std::size_t b, std::uint8_t* codes) {
        unpack_all(panel + panel::in_twos<Layout::kBlock>(b, blocks).block, codes,
                   std::make_integer_sequence<int, 8>());
    }
};

}  // namespace

void gemm_q6_k(const GemmArgs& a) { block_gemm<FormatQ6_K>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
