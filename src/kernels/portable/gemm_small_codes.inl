// What kernels of 32 small unsigned codes share (Q4_0, Q4_1, Q5_0, Q5_1, MXFP4): 4 units of nibbles; an offset comes
// off through the sum of the activations. A Format of gemm_blocks.inl made from Codes, which has
//   using Layout; static constexpr int kTop (the largest code), kOffset;
//   static f32x16 scale(const std::uint8_t* scales);
//   template <int G> static u8x64 codes(u8x64 nibbles, const std::uint8_t* block): k = 4 G to + 3 from the bits of the
//   unit, the low ones for G < 4.
// A Layout with kM also has a minimum.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

template <class Dot>
concept BeginsAnywhere = requires(const std::int32_t* begin) {
    Dot::begin8(begin);
};
template <bool Begun, class Dot>
HEARTH_SIMD Dot dot_of(const ActQ8x32* x) {
    if constexpr (Begun)
        return Dot::begin8(&x->begin8);
    else
        return Dot::zero();
}

template <class Codes>
struct SmallCodes {
    using Activation = ActQ8x32;
    using Layout = typename Codes::Layout;
    static constexpr std::size_t kValues = Layout::kValues;
    static constexpr int kUnits = small_dot_steps<Codes::kTop> < 8 ? int(small_dot_steps<Codes::kTop>) / 2 : 4;

    // The offset comes off where the only sum of products begins.
    static constexpr bool kBegun = Codes::kOffset == 8 && kUnits == 4 && BeginsAnywhere<small_dot>;

    template <int G>
    HEARTH_SIMD static u8x64 codes_of(const std::uint8_t* block) {
        return Codes::template codes<G>(u8x64::load(block + Layout::kNibbles + G % 4 * panel::kUnit), block);
    }

    // `codes` where they were unpacked before, else null.
    template <int U, bool Unpacked, std::size_t T>
    HEARTH_SIMD static void add_unit(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                     const ActQ8x32* const (&x)[T], small_dot (&dot)[T]) {
        fetch<Layout::kBytes, 4>(ahead, U);
        const u8x64 low = unpacked_or<Unpacked>(codes, U, [&] { return codes_of<U>(block); });
        const u8x64 high = unpacked_or<Unpacked>(codes, U + 4, [&] { return codes_of<U + 4>(block); });
        for (std::size_t t = 0; t < T; ++t) {
            dot[t] = step(dot[t], low, x[t]->q + 4 * U);
            dot[t] = step(dot[t], high, x[t]->q + 16 + 4 * U);
        }
    }

    // As many units as one small_dot takes.
    template <int First, bool Unpacked, std::size_t T, int... U>
    HEARTH_SIMD static void add_units(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                      const ActQ8x32* const (&x)[T], i32x16 (&sum)[T],
                                      std::integer_sequence<int, U...>) {
        small_dot dot[T];
        for (std::size_t t = 0; t < T; ++t) dot[t] = dot_of<kBegun, small_dot>(x[t]);
        (add_unit<First + U, Unpacked, T>(block, ahead, codes, x, dot), ...);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_dot(sum[t], dot[t]);
    }
    template <bool Unpacked, std::size_t T, int... I>
    HEARTH_SIMD static void add_all(const std::uint8_t* block, const std::uint8_t* ahead, const std::uint8_t* codes,
                                    const ActQ8x32* const (&x)[T], i32x16 (&sum)[T], std::integer_sequence<int, I...>) {
        (add_units<I * kUnits, Unpacked, T>(block, ahead, codes, x, sum, std::make_integer_sequence<int, kUnits>()),
         ...);
    }

    template <std::size_t T, bool Unpacked>
    HEARTH_SIMD static void any_block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                      const std::uint8_t* ahead, const std::uint8_t* codes,
                                      const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        const panel::BlockPlace at = Layout::place(b, blocks);
        i32x16 sum[T];
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::splat(kBegun ? 0 : -Codes::kOffset * x[t]->sum);
        add_all<Unpacked, T>(panel + at.block, ahead, codes, x, sum, std::make_integer_sequence<int, 4 / kUnits>());
        const f32x16 d = Codes::scale(panel + at.d);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
        if constexpr (requires { Layout::kM; }) {
            const f32x16 m = load_halves(panel + at.d + Layout::kM);
            for (std::size_t t = 0; t < T; ++t)
                acc[t] = fma(mul(m, f32x16::splat(x[t]->scale)), f32x16::splat(static_cast<float>(x[t]->sum)), acc[t]);
        }
    }
    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        any_block<T, false>(panel, blocks, b, ahead, nullptr, x, acc);
    }
    template <std::size_t T>
    HEARTH_SIMD static void unpacked_block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                           const std::uint8_t* ahead, const std::uint8_t* codes,
                                           const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        any_block<T, true>(panel, blocks, b, ahead, codes, x, acc);
    }

    template <int... G>
    HEARTH_SIMD static void unpack_all(const std::uint8_t* block, std::uint8_t* codes,
                                       std::integer_sequence<int, G...>) {
        (store(codes + G * panel::kUnit, codes_of<G>(block)), ...);
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t blocks, std::size_t b, std::uint8_t* codes) {
        unpack_all(panel + Layout::place(b, blocks).block, codes, std::make_integer_sequence<int, 8>());
    }
};

template <class L, int Offset>
struct Nibbles {
    using Layout = L;
    static constexpr int kTop = 15, kOffset = Offset;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int G>
    HEARTH_SIMD static u8x64 codes(u8x64 nibbles, const std::uint8_t*) {
        return bits_down<4 * (G / 4), 15>(nibbles);
    }
};

template <class L, int Offset>
struct FiveBits {
    using Layout = L;
    static constexpr int kTop = 31, kOffset = Offset;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int G>
    HEARTH_SIMD static u8x64 codes(u8x64 nibbles, const std::uint8_t* block) {
        return or_(bits_down<4 * (G / 4), 15>(nibbles), move_bits<4 - G, 16>(u8x64::load(block)));
    }
};

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
