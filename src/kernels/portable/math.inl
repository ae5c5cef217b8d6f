// exp, tanh and what is made of them on 16 lanes, step by step as in math_scalar.inl. Include it after the simd.hpp of the
// instruction set.
namespace hearth::HEARTH_SIMD_ISA {
namespace {

#include "kernels/portable/math_constants.inl"

HEARTH_SIMD f32x16 polynomial(const float (&c)[5], f32x16 x) {
    f32x16 p = f32x16::splat(c[4]);
    p = fma(p, x, f32x16::splat(c[3]));
    p = fma(p, x, f32x16::splat(c[2]));
    p = fma(p, x, f32x16::splat(c[1]));
    return fma(p, x, f32x16::splat(c[0]));
}

HEARTH_SIMD f32x16 exp(f32x16 x) {
    const f32x16 magic = f32x16::splat(kRoundMagic);
    const f32x16 t = fma(x, f32x16::splat(kLog2E), magic);
    const f32x16 n = sub(t, magic);
    const f32x16 r = fma(n, f32x16::splat(-kLn2Lo), fma(n, f32x16::splat(-kLn2Hi), x));
    const f32x16 y = add(fma(mul(r, r), polynomial(kExp, r), r), f32x16::splat(1.0f));
    const f32x16 scaled = from_bits(add(bits(y), shl<23>(bits(t))));
    const f32x16 large = add(x, f32x16::splat(kInfinity));
    const f32x16 result = select_less(x, f32x16::splat(kExpOverflow), scaled, large);
    return select_less(x, f32x16::splat(kExpMin), f32x16::zero(), result);
}

HEARTH_SIMD f32x16 tanh(f32x16 x) {
    const f32x16 a = abs(x), one = f32x16::splat(1.0f);
    const f32x16 z = mul(a, a);
    const f32x16 small = fma(mul(a, z), polynomial(kTanh, z), a);
    const f32x16 large = sub(one, div(f32x16::splat(2.0f), add(exp(add(a, a)), one)));
    const f32x16 y = select_less(a, f32x16::splat(kTanhSmall), small, large);
    const i32x16 sign = and_(bits(x), i32x16::splat(INT32_MIN));
    return from_bits(or_(and_(bits(y), i32x16::splat(INT32_MAX)), sign));
}

HEARTH_SIMD f32x16 gate_by_sigmoid(f32x16 x, f32x16 z) {
    return div(max(f32x16::splat(kLowest), x), add(f32x16::splat(1.0f), exp(z)));
}
HEARTH_SIMD f32x16 silu(f32x16 x) { return gate_by_sigmoid(x, neg(x)); }
HEARTH_SIMD f32x16 gelu(f32x16 x) {
    return gate_by_sigmoid(x, mul(x, fma(f32x16::splat(kGeluCubic), mul(x, x), f32x16::splat(kGeluLinear))));
}
HEARTH_SIMD f32x16 gelu_erf(f32x16 x) {
    const f32x16 highest = f32x16::splat(kHighest), one = f32x16::splat(1.0f);
    const f32x16 a = select_less(highest, abs(x), highest, abs(x));
    const f32x16 t = div(one, fma(f32x16::splat(kPhiScale), a, one));
    f32x16 q = f32x16::splat(kPhi[8]);
    for (int i = 7; i >= 0; --i) q = fma(q, t, f32x16::splat(kPhi[i]));
    const f32x16 tail = mul(exp(mul(mul(f32x16::splat(-0.5f), a), a)), mul(t, q));
    return fma(neg(a), tail, max(f32x16::zero(), x));
}

HEARTH_SIMD f32x16 sigmoid(f32x16 x) {
    const f32x16 one = f32x16::splat(1.0f);
    return div(one, add(one, exp(neg(x))));
}
HEARTH_SIMD f32x16 softplus(f32x16 x) {
    const f32x16 u = exp(neg(abs(x)));
    const f32x16 s = div(u, add(f32x16::splat(2.0f), u)), z = mul(s, s);
    return add(max(x, f32x16::zero()), fma(mul(s, z), polynomial(kLog1p, z), add(s, s)));
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
