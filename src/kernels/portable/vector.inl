// Elementwise and reducing kernels on the 16-lane machine. Include it after the simd.hpp of the instruction set.
// Whole vectors first, then the last n % 16 elements: lanes beyond the end read as 0 and are not written.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/portable/math.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// y = f(x) and y = f(a, b), all [n]; y may be one of the inputs.
template <class F>
HEARTH_SIMD void map(const float* x, std::size_t n, float* y, F f) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) store(y + i, f(f32x16::load(x + i)));
    if (i < n) store_n(y + i, f(f32x16::load_n(x + i, n - i)), n - i);
}
template <class F>
HEARTH_SIMD void map(const float* a, const float* b, std::size_t n, float* y, F f) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) store(y + i, f(f32x16::load(a + i), f32x16::load(b + i)));
    if (i < n) store_n(y + i, f(f32x16::load_n(a + i, n - i), f32x16::load_n(b + i, n - i)), n - i);
}

// (a, b) -> (fma(a, cos, -(b * sin)), fma(a, sin, b * cos)).
HEARTH_SIMD void rotate(f32x16& a, f32x16& b, f32x16 cos, f32x16 sin) {
    const f32x16 x = a, y = b;
    a = fma(x, cos, neg(mul(y, sin)));
    b = fma(x, sin, mul(y, cos));
}

}  // namespace

void rms_norm(const float* x, const float* weight, float eps, std::size_t n, float* y) {
    f32x16 squares = f32x16::zero();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const f32x16 v = f32x16::load(x + i);
        squares = fma(v, v, squares);
    }
    if (i < n) {
        const f32x16 v = f32x16::load_n(x + i, n - i);
        squares = fma(v, v, squares);
    }
    const f32x16 r = f32x16::splat(1.0f / __builtin_sqrtf(fold_add(squares) / static_cast<float>(n) + eps));
    if (weight)
        map(x, weight, n, y, [r](f32x16 v, f32x16 w) { return mul(mul(v, r), w); });
    else
        map(x, n, y, [r](f32x16 v) { return mul(v, r); });
}

void silu_mul(const float* gate, const float* up, std::size_t n, float* y) {
    map(gate, up, n, y, [](f32x16 g, f32x16 u) { return mul(silu(g), u); });
}

void gelu_mul(const float* gate, const float* up, std::size_t n, float* y) {
    map(gate, up, n, y, [](f32x16 g, f32x16 u) { return mul(gelu(g), u); });
}

void sigmoid_mul(const float* gate, const float* up, std::size_t n, float* y) {
    map(gate, up, n, y, [](f32x16 g, f32x16 u) { return mul(sigmoid(g), u); });
}

void gelu_erf_mul(const float* gate, const float* up, std::size_t n, float* y) {
    if (up)
        map(gate, up, n, y, [](f32x16 g, f32x16 u) { return mul(gelu_erf(g), u); });
    else
        map(gate, n, y, [](f32x16 g) { return gelu_erf(g); });
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, std::size_t n, float* y) {
    const auto count = static_cast<float>(n);
    f32x16 sums = f32x16::zero();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) sums = add(sums, f32x16::load(x + i));
    if (i < n) sums = add(sums, f32x16::load_n(x + i, n - i));
    const f32x16 mean = f32x16::splat(fold_add(sums) / count);
    map(x, n, y, [mean](f32x16 v) { return sub(v, mean); });
    rms_norm(y, weight, eps, n, y);
    if (bias) map(bias, y, n, y, [](f32x16 b, f32x16 v) { return add(v, b); });
}

void add_scaled(const float* x, float s, std::size_t n, float* y) {
    const f32x16 factor = f32x16::splat(s);
    map(x, y, n, y, [factor](f32x16 v, f32x16 sum) { return fma(factor, v, sum); });
}

void scale(float* x, float s, std::size_t n) {
    const f32x16 factor = f32x16::splat(s);
    map(x, n, x, [factor](f32x16 v) { return mul(v, factor); });
}

void soft_cap(float* x, float s, std::size_t n) {
    const f32x16 cap = f32x16::splat(s);
    map(x, n, x, [cap](f32x16 v) { return mul(cap, tanh(div(v, cap))); });
}

void rope_adjacent(float* x, const float* cos, const float* sin, std::size_t pairs) {
    std::size_t i = 0;
    f32x16 a, b;
    for (; i + 16 <= pairs; i += 16) {
        load_pairs(x + 2 * i, a, b);
        rotate(a, b, f32x16::load(cos + i), f32x16::load(sin + i));
        store_pairs(x + 2 * i, a, b);
    }
    if (i == pairs) return;
    const std::size_t n = pairs - i;
    float copy[32] = {};
    __builtin_memcpy(copy, x + 2 * i, 2 * n * sizeof(float));
    load_pairs(copy, a, b);
    rotate(a, b, f32x16::load_n(cos + i, n), f32x16::load_n(sin + i, n));
    store_pairs(copy, a, b);
    __builtin_memcpy(x + 2 * i, copy, 2 * n * sizeof(float));
}

void rope_halves(float* x, const float* cos, const float* sin, std::size_t pairs) {
    float* second = x + pairs;
    std::size_t i = 0;
    for (; i + 16 <= pairs; i += 16) {
        f32x16 a = f32x16::load(x + i), b = f32x16::load(second + i);
        rotate(a, b, f32x16::load(cos + i), f32x16::load(sin + i));
        store(x + i, a);
        store(second + i, b);
    }
    if (i == pairs) return;
    const std::size_t n = pairs - i;
    f32x16 a = f32x16::load_n(x + i, n), b = f32x16::load_n(second + i, n);
    rotate(a, b, f32x16::load_n(cos + i, n), f32x16::load_n(sin + i, n));
    store_n(x + i, a, n);
    store_n(second + i, b, n);
}

float exp_sum(const float* x, std::size_t n, float* y) {
    const std::size_t whole = n / 16 * 16;
    // The end of x, filled up with -infinity: it raises no maximum, and its exp adds 0.
    float rest[16];
    for (std::size_t l = 0; l < 16; ++l) rest[l] = whole + l < n ? x[whole + l] : -kInfinity;
    f32x16 top = f32x16::load(rest);
    top = max(top, f32x16::splat(-kInfinity));  // NaN counts as none
    for (std::size_t i = 0; i < whole; i += 16) top = max(f32x16::load(x + i), top);
    const f32x16 largest = f32x16::splat(fold_max(top));
    f32x16 sums = f32x16::zero();
    for (std::size_t i = 0; i < whole; i += 16) {
        const f32x16 e = exp(sub(f32x16::load(x + i), largest));
        store(y + i, e);
        sums = add(sums, e);
    }
    if (whole < n) {
        const f32x16 e = exp(sub(f32x16::load(rest), largest));
        store_n(y + whole, e, n - whole);
        sums = add(sums, e);
    }
    return fold_add(sums);
}

std::uint32_t sum_words(const std::uint32_t* x, std::size_t n, bool fetch_ahead) {
    constexpr std::size_t kAhead = 2048;
    i32x16 sums[8];
    for (i32x16& s : sums) s = i32x16::zero();
    for (std::size_t i = 0; i < n; i += 128) {
        if (fetch_ahead)
            for (std::size_t line = 0; line < 8; ++line) __builtin_prefetch(x + i + kAhead + 16 * line);
        for (std::size_t j = 0; j < 8; ++j)
            sums[j] = add(sums[j], i32x16::load(reinterpret_cast<const std::int32_t*>(x + i + 16 * j)));
    }
    for (std::size_t j = 1; j < 8; ++j) sums[0] = add(sums[0], sums[j]);
    return static_cast<std::uint32_t>(fold_add(sums[0]));
}

void to_f16(const float* x, std::size_t n, std::uint16_t* y) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) store_f16(y + i, f32x16::load(x + i));
    if (i < n) store_f16_n(y + i, f32x16::load_n(x + i, n - i), n - i);
}

}  // namespace hearth::HEARTH_SIMD_ISA
