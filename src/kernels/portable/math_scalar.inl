// The float functions of ARITHMETIC rule 6 for one value: the reference that the vector versions in math.inl equal to
// the bit. Include it after <bit> and <cstdint>, inside the kernel file's anonymous namespace.
#include "kernels/portable/math_constants.inl"

// exp(-infinity) = 0, exp(infinity) = infinity, NaN stays NaN. Measured errors: tests/kernels/math_test.cpp.
[[gnu::always_inline]] inline float exp(float x) {
    if (x < kExpMin) return 0.0f;
    if (!(x < kExpOverflow)) return x + kInfinity;
    const float t = __builtin_fmaf(x, kLog2E, kRoundMagic);
    const float n = t - kRoundMagic;
    const float r = __builtin_fmaf(n, -kLn2Lo, __builtin_fmaf(n, -kLn2Hi, x));
    float q = kExp[4];
    for (int i = 3; i >= 0; --i) q = __builtin_fmaf(q, r, kExp[i]);
    const float y = __builtin_fmaf(r * r, q, r) + 1.0f;
    // y is in [0.70, 1.42] and y 2^n a normal float: n goes into the exponent as an integer.
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) + (std::bit_cast<std::uint32_t>(t) << 23));
}

[[gnu::always_inline]] inline float tanh(float x) {
    const float a = __builtin_fabsf(x);
    const float z = a * a;
    float p = kTanh[4];
    for (int i = 3; i >= 0; --i) p = __builtin_fmaf(p, z, kTanh[i]);
    const float small = __builtin_fmaf(a * z, p, a);
    const float large = 1.0f - 2.0f / (exp(a + a) + 1.0f);
    return __builtin_copysignf(a < kTanhSmall ? small : large, x);
}

// x / (1 + exp(z)): silu with z = -x, gelu with z = -2u.
[[gnu::always_inline]] inline float gate_by_sigmoid(float x, float z) {
    return (kLowest > x ? kLowest : x) / (1.0f + exp(z));
}
[[gnu::always_inline]] inline float silu(float x) { return gate_by_sigmoid(x, -x); }

// 0.5 x (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3), is x / (1 + exp(-2u)), which loses no digits below 0.
[[gnu::always_inline]] inline float gelu(float x) {
    return gate_by_sigmoid(x, x * __builtin_fmaf(kGeluCubic, x * x, kGeluLinear));
}

[[gnu::always_inline]] inline float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

// log(1 + exp(x)) without overflow.
[[gnu::always_inline]] inline float softplus(float x) {
    const float u = exp(-__builtin_fabsf(x));
    const float s = u / (2.0f + u), z = s * s;
    float p = kLog1p[4];
    for (int i = 3; i >= 0; --i) p = __builtin_fmaf(p, z, kLog1p[i]);
    return (x > 0.0f ? x : 0.0f) + __builtin_fmaf(s * z, p, s + s);
}

// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2, as max(x, 0) - |x| Phi(-|x|), which loses no digits below 0.
[[gnu::always_inline]] inline float gelu_erf(float x) {
    const float a = kHighest < __builtin_fabsf(x) ? kHighest : __builtin_fabsf(x);
    const float t = 1.0f / __builtin_fmaf(kPhiScale, a, 1.0f);
    float q = kPhi[8];
    for (int i = 7; i >= 0; --i) q = __builtin_fmaf(q, t, kPhi[i]);
    const float tail = exp((-0.5f * a) * a) * (t * q);
    return __builtin_fmaf(-a, tail, 0.0f > x ? 0.0f : x);
}
