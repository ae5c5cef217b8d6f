// Elementwise and reducing kernels, as kernels.hpp states them, in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/base/half.hpp"
#include "hearth/kernels/kernels.hpp"
#include "kernels/scalar/lanes.hpp"

namespace hearth::scalar {
namespace {

#include "kernels/portable/math_scalar.inl"

}  // namespace

void rms_norm(const float* x, const float* weight, float eps, std::size_t n, float* y) {
    float lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i % kLanes] = __builtin_fmaf(x[i], x[i], lanes[i % kLanes]);
    const float r = 1.0f / __builtin_sqrtf(fold_add(lanes) / static_cast<float>(n) + eps);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * r;
    if (!weight) return;
    for (std::size_t i = 0; i < n; ++i) y[i] *= weight[i];
}

void silu_mul(const float* gate, const float* up, std::size_t n, float* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = silu(gate[i]) * up[i];
}

void gelu_mul(const float* gate, const float* up, std::size_t n, float* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = gelu(gate[i]) * up[i];
}

void sigmoid_mul(const float* gate, const float* up, std::size_t n, float* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = sigmoid(gate[i]) * up[i];
}

void gelu_erf_mul(const float* gate, const float* up, std::size_t n, float* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = up ? gelu_erf(gate[i]) * up[i] : gelu_erf(gate[i]);
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, std::size_t n, float* y) {
    float lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i % kLanes] += x[i];
    const float mean = fold_add(lanes) / static_cast<float>(n);
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] - mean;
    rms_norm(y, weight, eps, n, y);
    if (!bias) return;
    for (std::size_t i = 0; i < n; ++i) y[i] += bias[i];
}

void add_scaled(const float* x, float s, std::size_t n, float* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = __builtin_fmaf(s, x[i], y[i]);
}

void scale(float* x, float s, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) x[i] *= s;
}

void soft_cap(float* x, float s, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) x[i] = s * tanh(x[i] / s);
}

namespace {

void rotate(float& a, float& b, float cos, float sin) {
    const float x = a, y = b;
    a = __builtin_fmaf(x, cos, -(y * sin));
    b = __builtin_fmaf(x, sin, y * cos);
}

}  // namespace

void rope_adjacent(float* x, const float* cos, const float* sin, std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) rotate(x[2 * i], x[2 * i + 1], cos[i], sin[i]);
}

void rope_halves(float* x, const float* cos, const float* sin, std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) rotate(x[i], x[i + pairs], cos[i], sin[i]);
}

float exp_sum(const float* x, std::size_t n, float* y) {
    float max = -kInfinity;
    for (std::size_t i = 0; i < n; ++i) max = x[i] > max ? x[i] : max;
    float lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) {
        y[i] = exp(x[i] - max);
        lanes[i % kLanes] += y[i];
    }
    return fold_add(lanes);
}

std::uint32_t sum_words(const std::uint32_t* x, std::size_t n, bool) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
}

void to_f16(const float* x, std::size_t n, std::uint16_t* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] = f32_to_f16(x[i]);
}

}  // namespace hearth::scalar
