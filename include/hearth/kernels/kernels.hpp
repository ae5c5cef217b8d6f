// The arithmetic of hearth, one table of functions per instruction set, all equal to the bit (ARITHMETIC.md).
// Kernels take plain pointers and sizes, allocate nothing, throw nothing, keep no state: callable from any thread.
// exp and tanh are hearth's own (src/kernels/portable/math_scalar.inl); exp below the smallest normal float is 0. A
// maximum ignores NaN. Where a result is NaN it is one on every instruction set; its sign and payload are not promised.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/base/cpu.hpp"

namespace hearth {

inline constexpr std::size_t kLanes = 16;     // virtual lanes of every float reduction, and rows of a weight panel
inline constexpr std::size_t kSpan = 256;     // keys in an attention span, aligned to absolute positions

// How a weight format wants its inputs.
enum class Activation : int {
    f32,     // float[k]
    q8_32,   // ActQ8x32[k / 32]
    q8_256,  // ActQ8x256[k / 256]
};

// Blocks of int8 activations. scale = amax / 127; q = round to nearest even of x * (127 / amax): within -127 to 127.
// The quotients are computed as stated, in float. Sums serve weights with an offset. Where 127 / amax would overflow
// (amax <= 127 * 2^-128, 0 included) scale and codes are 0. A block with a NaN or an infinity has codes 0 and a NaN as
// scale, so that every product that it enters shows it.
struct ActQ8x32 {
    float scale;
    std::int32_t sum;       // of q
    std::int32_t begin8;    // -8 * sum: where sums of products with codes that are offset by 8 begin
    std::int32_t begin128;  // -128 * sum
    std::int8_t q[32];
};
// Six cache lines where memory is aligned to one: tile rows of 64 codes lie in lines of their own. Of calm activations 16
// products with codes of 5 bits, or with codes of 6 bits less 32, sum up within 16 bits: some machines gain by that.
struct ActQ8x256 {
    std::int8_t q[256];
    float scale;
    std::int16_t sum32[8];   // of q over each 32
    std::int16_t sum16[16];    // of q over each 16
    std::int16_t begin16[16];  // the lower 16 bits of -32 * sum16: where sums of products with codes less 32 begin
    std::uint8_t calm;         // 1 where |q| over no 16 sums up to more than kCalmSum, else 0
    std::uint8_t unused[43];
};
static_assert(sizeof(ActQ8x256) % 64 == 0);
inline constexpr std::int32_t kCalmSum = 1023;
inline constexpr std::size_t activation_bytes(Activation a, std::size_t k) {
    return a == Activation::f32 ? k * sizeof(float) : a == Activation::q8_32 ? k / 32 * sizeof(ActQ8x32) : k / 256 * sizeof(ActQ8x256);
}

// y[t, r] = sum over k of w[r, k] * x[t, k]. One accumulator per output, starting at 0, over K in ascending order:
//   F32/F16/BF16   acc = fma(w[k], x[k], acc)                                             for each k
//   Q8_0, Q4_0, Q5_0, IQ4_NL, MXFP4
//                  acc = fma(d * sx, float(sum over 32 of q * qx), acc)                   for each block of 32
//   Q4_1, Q5_1     the same, then acc = fma(m * sx, float(sum over 32 of qx), acc)
//   Q6_K, IQ4_XS   acc = fma(d * sx, float(sum_j sc_j * dot_j), acc)                      for each block of 256
//   Q4_K, Q5_K     the same, then acc = fma(-(dmin * sx), float(sum_j m_j * sum_j), acc)
// (d, m, dmin converted exactly to float; q of IQ4 and MXFP4 is the table's value, d of MXFP4 2^(e - 128), half of its
// scale as the table holds doubled values; the product d * sx rounds once; int32 sums are exact.)
struct GemmArgs {
    const void* panels;       // [ceil(rows / 16), panel_bytes] packed weights, 64-byte aligned
    std::size_t panel_bytes;
    std::size_t rows;         // outputs to write
    std::size_t k;            // inputs
    const void* x;            // [tokens, x_stride bytes], each row as the format's Activation says, 4-byte aligned
    std::size_t x_stride;     // bytes
    std::size_t tokens;
    float* y;                 // [tokens, y_stride]; exactly `rows` floats of each row are written
    std::size_t y_stride;     // floats
    bool fetch_ahead = false; // of a few tokens too: gains_by_fetching()
};
using GemmFn = void (*)(const GemmArgs&);

// The query heads of one token that share a K/V head, and where their results go.
struct AttentionQueries {
    const float* q;           // [heads, q_stride]
    float* out;               // [heads, out_stride]
    float* max;               // [heads]
    float* sum;               // [heads]
    std::size_t first, last;  // of the span's keys that the token sees; 0 <= first < last <= kSpan
    std::ptrdiff_t position = 0;  // its own place, from the span's first key on; where there are slopes
};

// Queries of several tokens against the keys of one span of one K/V head, each for itself:
//   s_j = scale * (one fma chain over ascending channels of k[j, c] * q[c]); if softcap > 0: s_j = softcap * tanh(s_j / softcap)
//   with slopes: s_j = fma(-slope, |j - position|, s_j), unless the slope is 0 (ALiBi; Press et al., 2021)
//   max = max_j s_j, a zero as +0;  p_j = exp(s_j - max);  sum = sum over j in 16 virtual lanes (lane j mod 16)
//   out[c] = one fma chain over ascending keys of p_j * v[j, c]
// Q8_0 keys, values and queries are rows of codes under one scale each, s by the rule of quantize_q8_row:
//   s_j = (sk_j * (scale * sq)) * float(sum over channels of qk[j, c] * qq[c]), that sum being exact, and for p_j in out
//   stands p_j * sv_j
// Without values, value j is the first value_dim <= key_dim channels of key j, under the key's scale.
// With j over [first, last). Nothing outside of [first, last) influences a result, whatever memory holds there.
struct AttentionSpanArgs {
    const AttentionQueries* tokens;
    std::size_t count;         // of tokens
    std::size_t heads;         // query heads of a token that share this K/V head
    std::size_t q_stride, out_stride;
    const void* keys;          // [kSpan / 16][key_dim][16]: 16 keys in lanes. Q8_0: codes + 128, see key_units
    const void* values;        // [kSpan][value_dim], or null: values are channels of the keys
    const float* key_scales;   // [kSpan], Q8_0 alone
    const float* value_scales;
    std::size_t key_dim;
    std::size_t value_dim;
    float scale;
    float softcap;             // 0: none
    float* scratch;            // attention_span_scratch(key_dim) floats, 64-byte aligned
    const float* slopes = nullptr;  // [heads] or null
};
// Q8_0 keys lie as [kSpan / 16][key_units(key_dim)][16][4]: 4 channels of 16 keys. Channels beyond key_dim may hold anything.
inline constexpr std::size_t key_units(std::size_t key_dim) { return (key_dim + 3) / 4; }
inline constexpr std::size_t kAttentionRows = 12;   // queries that a kernel takes at a time, at most
inline constexpr std::size_t kAttentionLanes = 16;  // and where values are channels of keys
inline constexpr std::size_t attention_span_scratch(std::size_t key_dim) {
    return kAttentionLanes * (2 * kSpan + 16) + kAttentionRows * ((key_dim + 15) / 16 * 16);
}
using AttentionSpanFn = void (*)(const AttentionSpanArgs&);

// Spans of one head in ascending order, merged one by one into (m, l, o), starting from the first:
//   m' = max(m, m_s); a = exp(m - m'); b = exp(m_s - m'); l = fma(l, a, l_s * b); o = fma(o, a, o_s * b)
// and at last y[c] = o[c] / l. With has_sink a span of one key of score `sink` and no value comes last.
struct AttentionMergeArgs {
    const float* out;          // [spans, out_stride]
    std::size_t out_stride;
    const float* max;          // [spans, stat_stride]
    const float* sum;          // [spans, stat_stride]
    std::size_t stat_stride;
    std::size_t spans;         // at least 1
    std::size_t dim;
    bool has_sink;
    float sink;
    float* y;                  // [dim]; may not overlap out
};
using AttentionMergeFn = void (*)(const AttentionMergeArgs&);

using QuantizeFn = void (*)(const float* x, std::size_t k, void* blocks);
// Codes of a row of n values, all under the scale that it returns, by the rule of ActQ8x32. Code c goes, plus `offset` (0 or
// 128) as an unsigned byte, to q[c / 4 * stride + c % 4]; no other byte is written.
using QuantizeRowFn = float (*)(const float* x, std::size_t n, std::uint8_t offset, std::size_t stride, std::uint8_t* q);
// y = x / sqrt(mean(x^2) + eps) * weight (weight null: ones). Sum of squares by fma in 16 virtual lanes, folded
// l+8, l+4, l+2, l+1; r = 1 / sqrt(sum / n + eps); y = (x * r) * weight. y may be x.
using RmsNormFn = void (*)(const float* x, const float* weight, float eps, std::size_t n, float* y);
// y = rms_norm of x - mean(x), + bias (null: none). The mean is the sum in 16 virtual lanes, folded as above, over n.
using LayerNormFn = void (*)(const float* x, const float* weight, const float* bias, float eps, std::size_t n, float* y);
// y = f(gate) * up with f(x) = max(x, -FLT_MAX) / (1 + exp(z)); y may be gate or up.
//   silu_mul   z = -x
//   gelu_mul   z = x * fma(c3, x * x, c1), c1 = -2 sqrt(2 / pi) and c3 = 0.044715 c1 rounded to float. It is the
//              tanh form, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), without the cancellation of 1 + tanh.
//   sigmoid_mul  y = (1 / (1 + exp(-gate))) * up
// and gelu_erf_mul with the erf form, f(x) = x Phi(x) = 0.5 x (1 + erf(x / sqrt(2))), Phi by a polynomial times an exp;
// there up may be null: ones.
using GluFn = void (*)(const float* gate, const float* up, std::size_t n, float* y);
// y = fma(s, x, y).
using AddScaledFn = void (*)(const float* x, float s, std::size_t n, float* y);
// scale: x = x * s. soft_cap: x = s * tanh(x / s).
using ScaleFn = void (*)(float* x, float s, std::size_t n);
// Rotates `pairs` pairs of x in place: (a, b) -> (fma(a, cos, -(b * sin)), fma(a, sin, b * cos)).
using RopeFn = void (*)(float* x, const float* cos, const float* sin, std::size_t pairs);
// y = exp(x - max(x)), returns the sum (16 virtual lanes). y may be x.
using ExpSumFn = float (*)(const float* x, std::size_t n, float* y);
// The sum of n words modulo 2^32, n a multiple of 128: memory is read as fast as the instruction set can.
using SumWordsFn = std::uint32_t (*)(const std::uint32_t* x, std::size_t n, bool fetch_ahead);
// Elementwise float -> binary16, round to nearest even.
using ToF16Fn = void (*)(const float* x, std::size_t n, std::uint16_t* y);

// A causal convolution of each channel for itself, in place, of inputs that may be gated before and after:
//   u_t = in_gate_t * x_t (null: x_t);  s_t = w[0] * u_{t-taps+1}, then one fma for each later tap, w[taps - 1] * u_t last
//   x_t = out_gate_t * f(s_t) (null: f(s_t)), f being silu or nothing
struct CausalConvArgs {
    float* x;                // [tokens, stride]
    const float *in_gate, *out_gate;
    std::size_t stride;      // of x and gates
    std::size_t tokens;
    const float* weights;    // [taps, row_stride]
    float* state;            // [taps - 1, row_stride]: u of the tokens before, and in the end of the last ones
    std::size_t row_stride;
    std::size_t taps;        // 1 to kMaxConvTaps
    std::size_t channels;
    bool silu;
};
inline constexpr std::size_t kMaxConvTaps = 8;
using CausalConvFn = void (*)(const CausalConvArgs&);

// Gates of the delta rule: decay = exp(rate * softplus(a + bias)), beta = 1 / (1 + exp(-b));
//   softplus(x) = max(x, 0) + log1p(exp(-|x|)).
using DeltaGatesFn = void (*)(const float* a, const float* b, float rate, float bias, std::size_t n, float* decay, float* beta);

// The gated delta rule (Yang et al., "Gated Delta Networks", 2024), token by token; for each column c of v and row i of k:
//   p_c = one fma chain over ascending i of S_ic * k_i;   d_c = beta * fma(-decay, p_c, v_c)
//   S_ic = fma(k_i, d_c, decay * S_ic);   y_c = one fma chain over ascending i of S_ic * q_i, both chains starting at 0
// Columns do not meet: whole panels of them can be computed for themselves.
struct GatedDeltaArgs {
    const float *q, *k;      // [tokens, stride], rows
    const float* v;          // [tokens, stride], columns
    std::size_t stride;
    const float *decay, *beta;  // [tokens]
    std::size_t tokens;
    std::size_t rows, columns;
    float* state;            // S as [ceil(columns / kStatePanel)][rows][kStatePanel], 0 beyond the last column
    float* y;                // [tokens, y_stride], columns
    std::size_t y_stride;
};
inline constexpr std::size_t kStatePanel = 32;
using GatedDeltaFn = void (*)(const GatedDeltaArgs&);

struct KernelTable {
#define HEARTH_OP(name, type) type name;
#include "hearth/kernels/ops.inc"
#undef HEARTH_OP
};

// The functions that `isa` runs: its own where it has them, else those of the sets below it.
const KernelTable& kernel_table(Isa isa);
// The set whose code stands behind op number `op` (in the order of ops.inc) of isa's table.
Isa kernel_origin(Isa isa, std::size_t op);

}  // namespace hearth
