// Attention over one span of keys, and the merge of spans, as kernels.hpp states them, in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/base/half.hpp"
#include "hearth/kernels/kernels.hpp"
#include "kernels/scalar/lanes.hpp"

namespace hearth::scalar {
namespace {

#include "kernels/portable/math_scalar.inl"

[[gnu::always_inline]] inline float to_float(float x) { return x; }
[[gnu::always_inline]] inline float to_float(std::uint16_t x) { return f16_to_f32(x); }

template <class T>
void attend(const AttentionSpanArgs& a, const AttentionQueries& t, std::size_t h) {
    const auto* keys = static_cast<const T*>(a.keys);
    const auto* values = static_cast<const T*>(a.values);
    const float* q = t.q + h * a.q_stride;
    float* p = a.scratch;
    float* out = t.out + h * a.out_stride;
    float max = -kInfinity;
    for (std::size_t j = t.first; j < t.last; ++j) {
        const T* key = keys + j / kLanes * a.key_dim * kLanes + j % kLanes;
        float dot = 0.0f;
        for (std::size_t c = 0; c < a.key_dim; ++c) dot = __builtin_fmaf(to_float(key[c * kLanes]), q[c], dot);
        float s = a.scale * dot;
        if (a.softcap > 0.0f) s = a.softcap * tanh(s / a.softcap);
        max = s > max ? s : max;
        p[j] = s;
    }
    max += 0.0f;  // -0 becomes +0
    float lanes[kLanes] = {};
    for (std::size_t j = t.first; j < t.last; ++j) {
        p[j] = exp(p[j] - max);
        lanes[j % kLanes] += p[j];
    }
    for (std::size_t c = 0; c < a.value_dim; ++c) out[c] = 0.0f;
    for (std::size_t j = t.first; j < t.last; ++j) {
        const T* value = values + j * a.value_dim;
        for (std::size_t c = 0; c < a.value_dim; ++c) out[c] = __builtin_fmaf(p[j], to_float(value[c]), out[c]);
    }
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
