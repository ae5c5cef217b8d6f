// The 16-lane machine: the smallest set of operations in which kernels are written once for every instruction set.
// <isa folder>/simd.hpp implements it in namespace hearth::<isa> and defines HEARTH_SIMD_ISA as that name; kernels in
// portable/*.inl open `namespace hearth::HEARTH_SIMD_ISA` after it. Everything has internal linkage and is always
// inlined: no symbol compiled under ISA flags may be left for the linker to choose.
//
// f32x16: zero() splat(x) load(p) load_n(p, n) load_f16(p) load_f16_n(p, n) load_bf16(p)
//     load_n and store_n take n < 16: lanes from n on read as 0, and no byte beyond the first n is touched.
//   load_pairs(p, a, b): a[l] = p[2l], b[l] = p[2l + 1]; store_pairs(p, a, b)
//   store(p, a) store_n(p, a, n) store_f16(p, a) store_f16_n(p, a, n)      halves round to nearest even
//   fma(a, b, c) = a * b + c, add sub mul div sqrt neg abs                 IEEE, subnormals kept
//   max(a, b) = a > b ? a : b       min(a, b) = a < b ? a : b              (so b for equal zeros and for NaN)
//   select_less(a, b, x, y) = a < b ? x : y
//   round_even(a)                   to an integral float, ties to even
//   to_i32(a)                       the same as an integer; |a| < 2^31
//   to_f32(i)                       rounds to nearest even
//   bits(a), from_bits(i)           reinterpretation
//   exp2i(i) = 2^i                  -127 < i < 128
//   fold_add(a), fold_max(a)        lanes l and l+8, then l+4, l+2, l+1 (the lower lane is the first operand)
// i32x16: zero() splat(x) load(p) load_u8(p) load_s8(p) load_s8_n(p, n) (bytes); store(p, a) store_s8(p, a)
//     (low bytes); add sub mul (low 32 bits) and_ or_ max shl<N> sra<N>; fold_add fold_max
// The integer dot machine. x4 are 4 activations in -127 to 127, met by 16 rows x 4 weights stored as [row][4]:
//   u8x64: load(p); store(p, a); or_(a, b); bits_down<S, M>(a) = (a >> S) & M, M < 1 << (8 - S); bits_up<S, M>(a) =
//     (a << S) & M, M without the low S bits
//   dot4(acc, u8x64 w, x4)          acc[row] + sum_i w[row][i] * x4[i], exact; w in 0 to 127
//   s8x64: load_offset(p) reads weights stored as w + 128, w in -128 to 127. Start the sum with
//     dot4_start(sum of all x that the sum will meet) or dot4_begin(-128 times it, in memory), then dot4(acc, s8x64 w,
//     x4).
//   lookup(table, u8x64 codes)      table[code] of 16 bytes, codes 0 to 15; u8x64 of a table of uint8_t, s8x64 of
//   int8_t i16x32: load_u8(p) load_s8(p): 16 rows x 2 small integers stored as [row][2] madd16(acc, i16x32 w, x2)
//   acc[row] + w[row][0] * x2[0] + w[row][1] * x2[1], exact small_dot: a sum of products of u8x64 codes and
//   activations. zero(); step(d, w, x4): one dot4 more, for codes up to Top
//     at most small_dot_steps<Top> times (Top 15, 31 or 63); add_dot(acc, d) = acc + d; of at most
//     scaled_dot_steps<Top> steps: add_scaled_dot<Top, false>(acc, s, d) = acc + s * d, exact for |s| <= 128;
//     small_scale even(i16x32), odd(i16x32): [row][0 or 1]
//     small_dot::begin8(ActQ8x32::begin8), where a sum of 8 steps may start there
//   calm_dot_steps<Top>             0, or how many steps add_scaled_dot<Top, true> may take of calm activations
//     (ActQ8x256); codes up to 63 then stand for themselves less 32, and start at small_dot::begin16(the entry of
//     ActQ8x256::begin16)
// kBlockTokens, kFloatTokens: tokens of a GEMM tile; kDots, kFloatSums: small_dot and f32x16 sums that registers hold.
#pragma once

#define HEARTH_SIMD [[gnu::always_inline]] inline
