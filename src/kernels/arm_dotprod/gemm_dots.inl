// GEMM with quantized panels over dots<T> of the Arm dot product instructions, a Format of portable/gemm_blocks.inl for
// each shape of block. Codes say what is in one:
//   using Layout; template <int U> static s8x64 unit(const std::uint8_t* block): k = 4 U to 4 U + 3, as signed bytes.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

HEARTH_SIMD i32x16 add_product(i32x16 sum, i32x16 a, i32x16 b) { return add(sum, mul(a, b)); }

// Units First to First + 2 * sizeof...(I) - 1 times the activations of their k.
template <class Codes, int First, std::size_t T, int... I>
HEARTH_SIMD void dot_units(const std::uint8_t* block, const std::int8_t* const (&x)[T], i32x16 (&dot)[T],
                           std::integer_sequence<int, I...>) {
    auto sums = dots<T>::zero();
    (sums.add8(Codes::template unit<First + 2 * I>(block), Codes::template unit<First + 2 * I + 1>(block), x,
               4 * (First + 2 * I)),
     ...);
    sums.sums(dot);
}
// The N values from k = First on.
template <class Codes, int First, int N, std::size_t T>
HEARTH_SIMD void dot_values(const std::uint8_t* block, const std::int8_t* const (&x)[T], i32x16 (&dot)[T]) {
    dot_units<Codes, First / 4, T>(block, x, dot, std::make_integer_sequence<int, N / 8>());
}

template <class Block, std::size_t T>
HEARTH_SIMD void codes_of(const Block* const (&x)[T], const std::int8_t* (&q)[T]) {
    for (std::size_t t = 0; t < T; ++t) q[t] = x[t]->q;
}

template <std::size_t T, class Block>
HEARTH_SIMD void add_scaled(f32x16 d, const Block* const (&x)[T], const i32x16 (&sum)[T], f32x16 (&acc)[T]) {
    for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
}

// 32 values under one scale. Codes also have kOffset, which comes off through the sum of the activations, and
// static f32x16 scale(const std::uint8_t* scales); a Layout with kM has a minimum.
template <class Codes>
struct DotsOf32 {
    using Activation = ActQ8x32;
    using Layout = typename Codes::Layout;
    static constexpr std::size_t kValues = Layout::kValues;

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const std::uint8_t* ahead, const ActQ8x32* const (&x)[T], f32x16 (&acc)[T]) {
        fetch<0, 1>(ahead, Layout::kBytes);
        const panel::BlockPlace at = Layout::place(b, blocks);
        const std::int8_t* q[T];
        codes_of(x, q);
        i32x16 sum[T];
        dot_values<Codes, 0, 32, T>(panel + at.block, q, sum);
        if constexpr (Codes::kOffset != 0)
            for (std::size_t t = 0; t < T; ++t) sum[t] = sub(sum[t], i32x16::splat(Codes::kOffset * x[t]->sum));
        add_scaled(Codes::scale(panel + at.d), x, sum, acc);
        if constexpr (requires { Layout::kM; }) {
            const f32x16 m = load_halves(panel + at.d + Layout::kM);
            for (std::size_t t = 0; t < T; ++t)
                acc[t] = fma(mul(m, f32x16::splat(x[t]->scale)), f32x16::splat(static_cast<float>(x[t]->sum)), acc[t]);
        }
    }
};

// Nibbles of 32 values, perhaps with fifth bits, as codes (see layout.hpp).
template <class L, int Offset>
struct Nibbles {
    using Layout = L;
    static constexpr int kOffset = Offset;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int U>
    HEARTH_SIMD static u8x64 code(const std::uint8_t* block) {
        return bits_down<4 * (U / 4), 15>(u8x64::load(block + Layout::kNibbles + U % 4 * panel::kUnit));
    }
    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        if constexpr (Layout::kNibbles != 0)
            return as_signed(or_(code<U>(block), move_bits<4 - U, 16>(u8x64::load(block))));
        else
            return as_signed(code<U>(block));
    }
};
// The same that choose from a table.
template <class L, const std::int8_t (&Table)[16]>
struct TableNibbles : Nibbles<L, 0> {
    template <int U>
    HEARTH_SIMD static s8x64 unit(const std::uint8_t* block) {
        return lookup(Table, Nibbles<L, 0>::template code<U>(block));
    }
};

// 256 codes in 8 sub-blocks with scales and mins (Q4_K, Q5_K).
template <class Codes>
struct DotsKAffine {
    using Activation = ActQ8x256;
    using Layout = typename Codes::Layout;
    static constexpr std::size_t kValues = Layout::kValues;

    template <int J, std::size_t T>
    HEARTH_SIMD static void add_sub_block(const std::uint8_t* block, const std::uint8_t* ahead,
                                          const std::int8_t* const (&q)[T], i32x16 (&sum)[T]) {
        fetch<J, 8>(ahead, Layout::kBytes);
        i32x16 dot[T];
        dot_values<Codes, 32 * J, 32, T>(block, q, dot);
        const i16x32 pair = i16x32::load_u8(block + Layout::kScales + 32 * (J / 2));
        const i32x16 scale = J % 2 ? odd(pair) : even(pair);
        for (std::size_t t = 0; t < T; ++t) sum[t] = add_product(sum[t], scale, dot[t]);
    }
    template <std::size_t T, int... J>
    HEARTH_SIMD static void add_all(const std::uint8_t* block, const std::uint8_t* ahead,
                                    const std::int8_t* const (&q)[T], i32x16 (&sum)[T],
                                    std::integer_sequence<int, J...>) {
        (add_sub_block<J, T>(block, ahead, q, sum), ...);
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t, std::size_t b, const std::uint8_t* ahead,
                                  const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const std::uint8_t* const block = panel + b * Layout::kBytes;
        const std::int8_t* q[T];
        codes_of(x, q);
        i32x16 sum[T];
        for (i32x16& s : sum) s = i32x16::zero();
        add_all<T>(block, ahead, q, sum, std::make_integer_sequence<int, 8>());
        add_scaled(load_halves(block + Layout::kD), x, sum, acc);
        for (i32x16& s : sum) s = i32x16::zero();
        for (std::size_t p = 0; p < 4; ++p) {
            const i16x32 mins = i16x32::load_u8(block + Layout::kMins + 32 * p);
            for (std::size_t t = 0; t < T; ++t) sum[t] = madd16(sum[t], mins, x[t]->sum32 + 2 * p);
        }
        add_scaled(neg(load_halves(block + Layout::kDmin)), x, sum, acc);
    }
};

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
