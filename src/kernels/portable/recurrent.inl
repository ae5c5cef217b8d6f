// Kernels of recurrent layers on the 16-lane machine. Include it after the simd.hpp of the instruction set.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/portable/math.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

HEARTH_SIMD f32x16 load_up_to(const float* p, std::size_t n) { return n < 16 ? f32x16::load_n(p, n) : f32x16::load(p); }
HEARTH_SIMD void store_up_to(float* p, f32x16 a, std::size_t n) {
    if (n < 16)
        store_n(p, a, n);
    else
        store(p, a);
}

// Channels [c, c + n) of all tokens; the inputs that the next token needs stay in registers.
template <int Taps>
HEARTH_SIMD void convolve(const CausalConvArgs& a, std::size_t c, std::size_t n) {
    f32x16 w[Taps], u[Taps];
    for (int j = 0; j < Taps; ++j) w[j] = load_up_to(a.weights + static_cast<std::size_t>(j) * a.row_stride + c, n);
    for (int j = 0; j + 1 < Taps; ++j) u[j] = load_up_to(a.state + static_cast<std::size_t>(j) * a.row_stride + c, n);
    for (std::size_t t = 0; t < a.tokens; ++t) {
        const std::size_t at = t * a.stride + c;
        u[Taps - 1] = load_up_to(a.x + at, n);
        if (a.in_gate) u[Taps - 1] = mul(load_up_to(a.in_gate + at, n), u[Taps - 1]);
        f32x16 s = mul(w[0], u[0]);
        for (int j = 1; j < Taps; ++j) s = fma(w[j], u[j], s);
        if (a.silu) s = silu(s);
        if (a.out_gate) s = mul(load_up_to(a.out_gate + at, n), s);
        store_up_to(a.x + at, s, n);
        for (int j = 0; j + 1 < Taps; ++j) u[j] = u[j + 1];
    }
    for (int j = 0; j + 1 < Taps; ++j) store_up_to(a.state + static_cast<std::size_t>(j) * a.row_stride + c, u[j], n);
}
template <int Taps>
HEARTH_SIMD void convolve_any(const CausalConvArgs& a) {
    if constexpr (Taps > 1)
        if (a.taps != Taps) return convolve_any<Taps - 1>(a);
    for (std::size_t c = 0; c < a.channels; c += 16) convolve<Taps>(a, c, a.channels - c < 16 ? a.channels - c : 16);
}

// Columns of one panel from c on, 16 V or fewer. The sweep over S that a token ends with begins the next token: in it
// stands already what that one reads.
template <int V>
HEARTH_SIMD void delta_panel(const GatedDeltaArgs& a, std::size_t c) {
    float* const state = a.state + c * a.rows;
    const std::size_t left = a.columns - c;
    const auto width = [left](int j) { return left - 16 * static_cast<std::size_t>(j); };
    const auto at = [state](std::size_t i, int j) {
        return state + i * kStatePanel + 16 * static_cast<std::size_t>(j);
    };
    const float *q = a.q, *k = a.k;
    f32x16 p[V], d[V], y[V];
    for (int j = 0; j < V; ++j) p[j] = f32x16::zero();
    for (std::size_t i = 0; i < a.rows; ++i) {
        const f32x16 ki = f32x16::splat(k[i]);
        for (int j = 0; j < V; ++j) p[j] = fma(f32x16::load(at(i, j)), ki, p[j]);
    }
    for (std::size_t t = 0; t < a.tokens; ++t, q += a.stride, k += a.stride) {
        const f32x16 decay = f32x16::splat(a.decay[t]), against = neg(decay), beta = f32x16::splat(a.beta[t]);
        for (int j = 0; j < V; ++j) {
            const f32x16 v = load_up_to(a.v + t * a.stride + c + 16 * static_cast<std::size_t>(j), width(j));
            d[j] = mul(beta, fma(against, p[j], v));
            p[j] = y[j] = f32x16::zero();
        }
        if (t + 1 < a.tokens) {
            const float* const next = k + a.stride;
            for (std::size_t i = 0; i < a.rows; ++i) {
                const f32x16 ki = f32x16::splat(k[i]), qi = f32x16::splat(q[i]), ni = f32x16::splat(next[i]);
                for (int j = 0; j < V; ++j) {
                    const f32x16 s = fma(ki, d[j], mul(decay, f32x16::load(at(i, j))));
                    store(at(i, j), s);
                    y[j] = fma(s, qi, y[j]);
                    p[j] = fma(s, ni, p[j]);
                }
            }
        } else {
            for (std::size_t i = 0; i < a.rows; ++i) {
                const f32x16 ki = f32x16::splat(k[i]), qi = f32x16::splat(q[i]);
                for (int j = 0; j < V; ++j) {
                    const f32x16 s = fma(ki, d[j], mul(decay, f32x16::load(at(i, j))));
                    store(at(i, j), s);
                    y[j] = fma(s, qi, y[j]);
                }
            }
        }
        for (int j = 0; j < V; ++j)
            store_up_to(a.y + t * a.y_stride + c + 16 * static_cast<std::size_t>(j), y[j], width(j));
    }
}

}  // namespace

void causal_conv(const CausalConvArgs& a) { convolve_any<kMaxConvTaps>(a); }

void delta_gates(const float* a, const float* b, float rate, float bias, std::size_t n, float* decay, float* beta) {
    for (std::size_t i = 0; i < n; i += 16) {
        const std::size_t left = n - i;
        const f32x16 x = add(load_up_to(a + i, left), f32x16::splat(bias));
        store_up_to(decay + i, exp(mul(f32x16::splat(rate), softplus(x))), left);
        store_up_to(beta + i, sigmoid(load_up_to(b + i, left)), left);
    }
}

void gated_delta(const GatedDeltaArgs& a) {
    static_assert(kStatePanel == 32);
    std::size_t c = 0;
    for (; c + 16 < a.columns; c += 32) delta_panel<2>(a, c);
    if (c < a.columns) delta_panel<1>(a, c);
}

}  // namespace hearth::HEARTH_SIMD_ISA
