// Kernels of recurrent layers, as kernels.hpp states them, in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"

namespace hearth::scalar {
namespace {

#include "kernels/portable/math_scalar.inl"

}  // namespace

void causal_conv(const CausalConvArgs& a) {
    for (std::size_t c = 0; c < a.channels; ++c) {
        float window[kMaxConvTaps];  // u of the last tokens
        for (std::size_t j = 0; j + 1 < a.taps; ++j) window[j] = a.state[j * a.row_stride + c];
        for (std::size_t t = 0; t < a.tokens; ++t) {
            const std::size_t at = t * a.stride + c;
            window[a.taps - 1] = a.in_gate != nullptr ? a.in_gate[at] * a.x[at] : a.x[at];
            float s = a.weights[c] * window[0];
            for (std::size_t j = 1; j < a.taps; ++j) s = __builtin_fmaf(a.weights[j * a.row_stride + c], window[j], s);
            if (a.silu) s = silu(s);
            a.x[at] = a.out_gate != nullptr ? a.out_gate[at] * s : s;
            for (std::size_t j = 0; j + 1 < a.taps; ++j) window[j] = window[j + 1];
        }
        for (std::size_t j = 0; j + 1 < a.taps; ++j) a.state[j * a.row_stride + c] = window[j];
    }
}

void delta_gates(const float* a, const float* b, float rate, float bias, std::size_t n, float* decay, float* beta) {
    for (std::size_t i = 0; i < n; ++i) {
        decay[i] = exp(rate * softplus(a[i] + bias));
        beta[i] = sigmoid(b[i]);
    }
}

void gated_delta(const GatedDeltaArgs& a) {
    for (std::size_t c = 0; c < a.columns; c += kLanes) {
        float* const state = a.state + c / kStatePanel * kStatePanel * a.rows + c % kStatePanel;
        const std::size_t n = a.columns - c < kLanes ? a.columns - c : kLanes;
        for (std::size_t t = 0; t < a.tokens; ++t) {
            const float *const q = a.q + t * a.stride, *const k = a.k + t * a.stride, decay = a.decay[t];
            float d[kLanes] = {}, y[kLanes] = {};
            for (std::size_t i = 0; i < a.rows; ++i)
                for (std::size_t l = 0; l < kLanes; ++l) d[l] = __builtin_fmaf(state[i * kStatePanel + l], k[i], d[l]);
            for (std::size_t l = 0; l < kLanes; ++l)
                d[l] = a.beta[t] * __builtin_fmaf(-decay, d[l], l < n ? a.v[t * a.stride + c + l] : 0.0f);
            for (std::size_t i = 0; i < a.rows; ++i)
                for (std::size_t l = 0; l < kLanes; ++l) {
                    float& s = state[i * kStatePanel + l];
                    s = __builtin_fmaf(k[i], d[l], decay * s);
                    y[l] = __builtin_fmaf(s, q[i], y[l]);
                }
            for (std::size_t l = 0; l < n; ++l) a.y[t * a.y_stride + c + l] = y[l];
        }
    }
}

}  // namespace hearth::scalar
