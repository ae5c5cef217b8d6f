// The merge of attention spans on the 16-lane machine. Include it after simd.hpp and math.inl.
#include <cstddef>

#include "hearth/kernels/kernels.hpp"

namespace hearth::HEARTH_SIMD_ISA {

void attention_merge(const AttentionMergeArgs& a) {
    const std::size_t count = a.spans + (a.has_sink ? 1 : 0);
    float max_so_far = a.max[0], sum = a.sum[0];
    for (std::size_t c = 0; c < a.dim; ++c) a.y[c] = a.out[c];
    // Eight spans at a time: their sixteen exps are one vector, and y is read and written once.
    for (std::size_t begin = 1; begin < count; begin += 8) {
        const std::size_t n = count - begin < 8 ? count - begin : 8;
        float factors[16] = {};  // of what is there (first 8), of the new span (last 8)
        for (std::size_t i = 0; i < n; ++i) {
            const float m = begin + i == a.spans ? a.sink : a.max[(begin + i) * a.stat_stride];
            const float top = m > max_so_far ? m : max_so_far;
            factors[i] = max_so_far - top;
            factors[8 + i] = m - top;
            max_so_far = top;
        }
        store(factors, exp(f32x16::load(factors)));
        for (std::size_t i = 0; i < n; ++i) {
            const float s = begin + i == a.spans ? 1.0f : a.sum[(begin + i) * a.stat_stride];
            sum = __builtin_fmaf(sum, factors[i], s * factors[8 + i]);
        }
        const auto merged = [&](f32x16 o, std::size_t c, std::size_t width) {
            for (std::size_t i = 0; i < n; ++i) {
                f32x16 x = f32x16::zero();
                if (begin + i != a.spans) {
                    const float* from = a.out + (begin + i) * a.out_stride + c;
                    x = width == 16 ? f32x16::load(from) : f32x16::load_n(from, width);
                }
                o = fma(o, f32x16::splat(factors[i]), mul(x, f32x16::splat(factors[8 + i])));
            }
            return o;
        };
        std::size_t c = 0;
        for (; c + 16 <= a.dim; c += 16) store(a.y + c, merged(f32x16::load(a.y + c), c, 16));
        if (c < a.dim) store_n(a.y + c, merged(f32x16::load_n(a.y + c, a.dim - c), c, a.dim - c), a.dim - c);
    }
    const f32x16 total = f32x16::splat(sum);
    std::size_t c = 0;
    for (; c + 16 <= a.dim; c += 16) store(a.y + c, div(f32x16::load(a.y + c), total));
    if (c < a.dim) store_n(a.y + c, div(f32x16::load_n(a.y + c, a.dim - c), total), a.dim - c);
}

}  // namespace hearth::HEARTH_SIMD_ISA
