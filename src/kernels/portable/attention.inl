// Attention on the 16-lane machine. Include it after the simd.hpp of the instruction set, with HEARTH_TILE defined as
// the number of f32x16 accumulators that a tile keeps in registers.
//
// Both products are computed in tiles of up to 4 query heads x several vectors: each vector of keys (16 keys in
// lanes) or values (16 channels in lanes) is loaded once for the heads that share it, and the independent chains of
// fma hide each other's latency. How tiles are cut changes no chain, hence no bit.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/portable/math.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

HEARTH_SIMD f32x16 load_any(const float* p) { return f32x16::load(p); }
HEARTH_SIMD f32x16 load_any(const std::uint16_t* p) { return f32x16::load_f16(p); }
HEARTH_SIMD f32x16 load_any_n(const float* p, std::size_t n) { return f32x16::load_n(p, n); }
HEARTH_SIMD f32x16 load_any_n(const std::uint16_t* p, std::size_t n) { return f32x16::load_f16_n(p, n); }

// More key blocks at a time would walk more streams that are a power of two apart than a cache set has ways.
constexpr int key_blocks(int heads) { return HEARTH_TILE / heads < 4 ? HEARTH_TILE / heads : 4; }
constexpr int value_vectors(int heads) { return HEARTH_TILE / heads < 8 ? HEARTH_TILE / heads : 8; }
// Largest power of two below n: the next smaller tile.
constexpr int next_tile(int n) { return n > 4 ? 4 : n > 2 ? 2 : 1; }

// dots[h, 16 b + l] of H heads and B blocks of keys. q [H, q_stride], keys [B, key_dim, 16], dots [H, kSpan].
// Meanwhile `step` bytes from `ahead` on are fetched with each channel.
template <int H, int B, class T>
HEARTH_SIMD void dot_tile(const float* q, std::size_t q_stride, const T* keys, std::size_t key_dim, const char* ahead,
                          std::size_t step, float* dots) {
    f32x16 acc[H][B];
    for (int h = 0; h < H; ++h)
        for (int b = 0; b < B; ++b) acc[h][b] = f32x16::zero();
    for (std::size_t c = 0; c < key_dim; ++c, ahead += step) {
        for (std::size_t line = 0; line < step; line += 64) __builtin_prefetch(ahead + line);
        f32x16 k[B];
        for (int b = 0; b < B; ++b) k[b] = load_any(keys + (static_cast<std::size_t>(b) * key_dim + c) * 16);
        for (int h = 0; h < H; ++h) {
            const f32x16 qc = f32x16::splat(q[static_cast<std::size_t>(h) * q_stride + c]);
            for (int b = 0; b < B; ++b) acc[h][b] = fma(k[b], qc, acc[h][b]);
        }
    }
    for (int h = 0; h < H; ++h)
        for (int b = 0; b < B; ++b) store(dots + static_cast<std::size_t>(h) * kSpan + 16 * b, acc[h][b]);
}

// The same for blocks [begin, end) of a span, B at a time as long as there are B. The values of the same keys are
// fetched on the way: the dots then pay for the memory's time, which the sum over values cannot hide.
template <int H, int B, class T>
HEARTH_SIMD void dots_of_blocks(const AttentionSpanArgs& a, const float* q, std::size_t begin, std::size_t end,
                                float* dots) {
    const auto* keys = static_cast<const T*>(a.keys);
    const auto* values = static_cast<const char*>(a.values);
    const std::size_t block_bytes = 16 * a.value_dim * sizeof(T);
    const std::size_t step = (B * block_bytes + a.key_dim - 1) / a.key_dim;
    for (; begin + B <= end; begin += B)
        dot_tile<H, B>(q, a.q_stride, keys + begin * a.key_dim * 16, a.key_dim, values + begin * block_bytes, step,
                       dots + begin * 16);
    if constexpr (B > 1) dots_of_blocks<H, next_tile(B), T>(a, q, begin, end, dots);
}

// Dots of one head, [kSpan], to weights p = exp(s - max) in place, 0 for the lanes of [first, last)'s blocks that lie
// outside of it.
HEARTH_SIMD void weights_of_dots(const AttentionSpanArgs& a, float* dots, float& max_out, float& sum_out) {
    const std::size_t begin = a.first / 16 * 16, end = (a.last + 15) / 16 * 16;
    const f32x16 factor = f32x16::splat(a.scale), cap = f32x16::splat(a.softcap);
    for (std::size_t j = begin; j < end; j += 16) {
        f32x16 s = mul(factor, f32x16::load(dots + j));
        if (a.softcap > 0.0f) s = mul(cap, tanh(div(s, cap)));
        store(dots + j, s);
    }
    for (std::size_t j = begin; j < a.first; ++j) dots[j] = -kInfinity;
    for (std::size_t j = a.last; j < end; ++j) dots[j] = -kInfinity;

    f32x16 tops = f32x16::splat(-kInfinity);
    for (std::size_t j = begin; j < end; j += 16) tops = max(f32x16::load(dots + j), tops);
    const float top = fold_max(tops) + 0.0f;  // -0 becomes +0
    const f32x16 largest = f32x16::splat(top);
    f32x16 sums = f32x16::zero();
    for (std::size_t j = begin; j < end; j += 16) {
        const f32x16 p = exp(sub(f32x16::load(dots + j), largest));
        store(dots + j, p);
        sums = add(sums, p);
    }
    max_out = top;
    sum_out = fold_add(sums);
}

// out[h, 16 v + l] of H heads and V vectors of channels, over all keys of [first, last). p [H, kSpan],
// values [kSpan, value_dim], out [H, out_stride]; `tail`: the only vector has that many channels.
template <int H, int V, class T>
HEARTH_SIMD void value_tile(const AttentionSpanArgs& a, const float* p, const T* values, float* out,
                            std::size_t tail = 0) {
    f32x16 acc[H][V];
    for (int h = 0; h < H; ++h)
        for (int v = 0; v < V; ++v) acc[h][v] = f32x16::zero();
    for (std::size_t j = a.first; j < a.last; ++j) {
        const T* row = values + j * a.value_dim;
        f32x16 x[V];
        for (int v = 0; v < V; ++v) x[v] = tail ? load_any_n(row, tail) : load_any(row + 16 * v);
        for (int h = 0; h < H; ++h) {
            const f32x16 pj = f32x16::splat(p[static_cast<std::size_t>(h) * kSpan + j]);
            for (int v = 0; v < V; ++v) acc[h][v] = fma(pj, x[v], acc[h][v]);
        }
    }
    for (int h = 0; h < H; ++h)
        for (int v = 0; v < V; ++v) {
            float* to = out + static_cast<std::size_t>(h) * a.out_stride + 16 * v;
            if (tail)
                store_n(to, acc[h][v], tail);
            else
                store(to, acc[h][v]);
        }
}

// All channels from c on, V vectors at a time as long as there are V.
template <int H, int V, class T>
HEARTH_SIMD void value_channels(const AttentionSpanArgs& a, const float* p, const T* values, float* out,
                                std::size_t c = 0) {
    for (; c + 16 * V <= a.value_dim; c += 16 * V) value_tile<H, V>(a, p, values + c, out + c);
    if constexpr (V > 1)
        value_channels<H, next_tile(V)>(a, p, values, out, c);
    else if (c < a.value_dim)
        value_tile<H, 1>(a, p, values + c, out + c, a.value_dim - c);
}

// H heads from `head` on. Not inlined: four of these make a kernel.
template <int H, class T>
[[gnu::noinline]] void attend(const AttentionSpanArgs& a, std::size_t head) {
    float* p = a.scratch + head * kSpan;
    dots_of_blocks<H, key_blocks(H), T>(a, a.q + head * a.q_stride, a.first / 16, (a.last + 15) / 16, p);
    for (std::size_t h = 0; h < H; ++h) weights_of_dots(a, p + h * kSpan, a.max[head + h], a.sum[head + h]);
    value_channels<H, value_vectors(H)>(a, p, static_cast<const T*>(a.values), a.out + head * a.out_stride);
}

template <class T>
HEARTH_SIMD void attention_span(const AttentionSpanArgs& a) {
    // As few groups of at most 4 heads as possible, as equal as possible.
    std::size_t head = 0;
    for (std::size_t groups = (a.heads + 3) / 4; groups > 0; --groups) {
        const std::size_t size = (a.heads - head + groups - 1) / groups;
        switch (size) {
            case 1:
                attend<1, T>(a, head);
                break;
            case 2:
                attend<2, T>(a, head);
                break;
            case 3:
                attend<3, T>(a, head);
                break;
            default:
                attend<4, T>(a, head);
                break;
        }
        head += size;
    }
}

}  // namespace

void attention_span_f32(const AttentionSpanArgs& a) { attention_span<float>(a); }
void attention_span_f16(const AttentionSpanArgs& a) { attention_span<std::uint16_t>(a); }

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
