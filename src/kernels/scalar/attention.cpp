// Attention over one span of keys, and the merge of spans, as kernels.hpp states them, in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hearth/base/half.hpp"
#include "hearth/kernels/kernels.hpp"
#include "kernels/scalar/lanes.hpp"
#include "kernels/scalar/quantize_row.hpp"

namespace hearth::scalar {
namespace {

#include "kernels/portable/math_scalar.inl"

[[gnu::always_inline]] inline float to_float(float x) { return x; }
[[gnu::always_inline]] inline float to_float(std::uint16_t x) { return f16_to_f32(x); }

[[gnu::always_inline]] inline float to_float(std::int8_t x) { return static_cast<float>(x); }

// Scaled dots of q with the keys that t sees.
template <class T>
void scores(const AttentionSpanArgs& a, const AttentionQueries& t, const float* q, float* s) {
    for (std::size_t j = t.first; j < t.last; ++j) {
        const T* key = static_cast<const T*>(a.keys) + j / kLanes * a.key_dim * kLanes + j % kLanes;
        float dot = 0.0f;
        for (std::size_t c = 0; c < a.key_dim; ++c) dot = __builtin_fmaf(to_float(key[c * kLanes]), q[c], dot);
        s[j] = a.scale * dot;
    }
}
template <>
void scores<std::int8_t>(const AttentionSpanArgs& a, const AttentionQueries& t, const float* q, float* s) {
    const Scaling scale = scaling(q, a.key_dim);
    const float factor = a.scale * scale.scale;
    auto* const codes = reinterpret_cast<std::int8_t*>(a.scratch + kSpan);
    for (std::size_t c = 0; c < a.key_dim; ++c) codes[c] = static_cast<std::int8_t>(code(q[c], scale.inv));
    const std::size_t units = key_units(a.key_dim);
    for (std::size_t j = t.first; j < t.last; ++j) {
        const auto* key = static_cast<const std::uint8_t*>(a.keys) + (j / kLanes * units * kLanes + j % kLanes) * 4;
        std::int32_t dot = 0;
        for (std::size_t c = 0; c < a.key_dim; ++c) dot += (key[c / 4 * 4 * kLanes + c % 4] - 128) * codes[c];
        s[j] = a.key_scales[j] * factor * static_cast<float>(dot);
    }
}

// Channel c of value j.
template <class T>
float value(const AttentionSpanArgs& a, std::size_t j, std::size_t c) {
    if (a.values != nullptr) return to_float(static_cast<const T*>(a.values)[j * a.value_dim + c]);
    const std::size_t block = j / kLanes, lane = j % kLanes;
    if constexpr (std::is_same_v<T, std::int8_t>) {
        const auto* keys = static_cast<const std::uint8_t*>(a.keys);
        return static_cast<float>(keys[((block * key_units(a.key_dim) + c / 4) * kLanes + lane) * 4 + c % 4] - 128);
    } else {
        return to_float(static_cast<const T*>(a.keys)[(block * a.key_dim + c) * kLanes + lane]);
    }
}

template <class T>
void attend(const AttentionSpanArgs& a, const AttentionQueries& t, std::size_t h) {
    const float* const scales = a.values != nullptr ? a.value_scales : a.key_scales;
    float* p = a.scratch;
    float* out = t.out + h * a.out_stride;
    scores<T>(a, t, t.q + h * a.q_stride, p);
    const float slope = a.slopes ? a.slopes[h] : 0.0f, position = static_cast<float>(t.position);
    float max = -kInfinity;
    for (std::size_t j = t.first; j < t.last; ++j) {
        if (a.softcap > 0.0f) p[j] = a.softcap * tanh(p[j] / a.softcap);
        if (slope != 0.0f) p[j] = __builtin_fmaf(-slope, __builtin_fabsf(static_cast<float>(j) - position), p[j]);
        max = p[j] > max ? p[j] : max;
    }
    max += 0.0f;  // -0 becomes +0
    float lanes[kLanes] = {};
    for (std::size_t j = t.first; j < t.last; ++j) {
        p[j] = exp(p[j] - max);
        lanes[j % kLanes] += p[j];
        if (std::is_same_v<T, std::int8_t>) p[j] *= scales[j];
    }
    for (std::size_t c = 0; c < a.value_dim; ++c) out[c] = 0.0f;
    for (std::size_t j = t.first; j < t.last; ++j)
        for (std::size_t c = 0; c < a.value_dim; ++c) out[c] = __builtin_fmaf(p[j], value<T>(a, j, c), out[c]);
    t.max[h] = max;
    t.sum[h] = fold_add(lanes);
}

template <class T>
void attention_span(const AttentionSpanArgs& a) {
    for (std::size_t t = 0; t < a.count; ++t)
        for (std::size_t h = 0; h < a.heads; ++h) attend<T>(a, a.tokens[t], h);
}

}  // namespace

void attention_span_f32(const AttentionSpanArgs& a) { attention_span<float>(a); }
void attention_span_f16(const AttentionSpanArgs& a) { attention_span<std::uint16_t>(a); }
void attention_span_q8_0(const AttentionSpanArgs& a) { attention_span<std::int8_t>(a); }

void attention_merge(const AttentionMergeArgs& a) {
    float max = a.max[0], sum = a.sum[0];
    for (std::size_t c = 0; c < a.dim; ++c) a.y[c] = a.out[c];
    for (std::size_t s = 1; s < a.spans + (a.has_sink ? 1 : 0); ++s) {
        const bool sink = s == a.spans;
        const float span_max = sink ? a.sink : a.max[s * a.stat_stride];
        const float span_sum = sink ? 1.0f : a.sum[s * a.stat_stride];
        const float top = span_max > max ? span_max : max;
        const float keep = exp(max - top), add = exp(span_max - top);
        sum = __builtin_fmaf(sum, keep, span_sum * add);
        for (std::size_t c = 0; c < a.dim; ++c) {
            const float o = sink ? 0.0f : a.out[s * a.out_stride + c];
            a.y[c] = __builtin_fmaf(a.y[c], keep, o * add);
        }
        max = top;
    }
    for (std::size_t c = 0; c < a.dim; ++c) a.y[c] /= sum;
}

}  // namespace hearth::scalar
