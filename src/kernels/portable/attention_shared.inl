// Attention over a span whose values are the first channels of its keys (multi-head latent attention; DeepSeek-V2,
// 2024). Part of attention.inl.
//
// Keys stand in lanes, so a sum over keys would run across lanes. Here queries stand in lanes instead: 16 rows of
// weights are turned, and each channel of a key is broadcast to its 16 sums. The chains of fma are those of
// attention_span with values of their own, and so are the bits.
#include <cstddef>
#include <cstdint>

namespace hearth::HEARTH_SIMD_ISA {
namespace {

constexpr std::size_t kSharedRows = 16;
static_assert(kSharedRows <= kAttentionLanes);
// Channels that a tile adds up side by side: a chain each.
constexpr std::size_t kSharedChannels = HEARTH_REGISTERS < 32 ? 4 : 16;
static_assert(kSharedChannels <= kAttentionLanes);

// Channels [c, c + n) of 16 keys from key j on, to [kSharedChannels][16]; zeros behind them. Channels begin at
// multiples of kSharedChannels.
template <class T>
HEARTH_SIMD void unpack_channels(const AttentionSpanArgs& a, std::size_t j, std::size_t c, std::size_t n, float* to) {
    const T* const keys = static_cast<const T*>(a.keys) + j * a.key_dim + c * 16;
    for (std::size_t i = 0; i < n; ++i) store(to + 16 * i, load_any(keys + 16 * i));
    for (std::size_t i = n; i < kSharedChannels; ++i) store(to + 16 * i, f32x16::zero());
}
template <>
HEARTH_SIMD void unpack_channels<std::int8_t>(const AttentionSpanArgs& a, std::size_t j, std::size_t c, std::size_t,
                                              float* to) {
    // Whole units: what stands behind the last channel is not looked at.
    const std::size_t units = key_units(a.key_dim), all = kSharedChannels / 4, left = units - c / 4;
    const auto* keys = static_cast<const std::uint8_t*>(a.keys) + (j * units + c / 4 * 16) * 4;
    const i32x16 low = i32x16::splat(255), offset = i32x16::splat(128);
    for (std::size_t u = 0; u < all; ++u, to += 64) {
        const i32x16 x = u < left ? i32x16::load(reinterpret_cast<const std::int32_t*>(keys + u * 64)) : offset;
        store(to, to_f32(sub(and_(x, low), offset)));
        store(to + 16, to_f32(sub(and_(sra<8>(x), low), offset)));
        store(to + 32, to_f32(sub(and_(sra<16>(x), low), offset)));
        store(to + 48, to_f32(sub(and_(sra<24>(x), low), offset)));
    }
}

struct SharedRows {
    float* out[kSharedRows];
    std::size_t count = 0;
    alignas(64) float first[16] = {}, last[16] = {};  // of the keys that each row sees
    std::size_t begin = kSpan, end = 0, common_begin = 0, common_end = kSpan;
};

// weights: [kSpan][16], of what no row sees anything; channels: room for [kSharedChannels][16].
template <class T>
[[gnu::noinline]] void shared_values(const AttentionSpanArgs& a, const SharedRows& rows, const float* weights,
                                     float* channels) {
    constexpr std::size_t n = kSharedChannels;
    const f32x16 firsts = f32x16::load(rows.first), lasts = f32x16::load(rows.last);
    for (std::size_t c = 0; c < a.value_dim; c += n) {
        const std::size_t count = a.value_dim - c < n ? a.value_dim - c : n;
        f32x16 acc[n];
        for (std::size_t i = 0; i < n; ++i) acc[i] = f32x16::zero();
        for (std::size_t block = rows.begin / 16 * 16; block < rows.end; block += 16) {
            unpack_channels<T>(a, block, c, count, channels);
            if (block >= rows.common_begin && block + 16 <= rows.common_end) {
                for (std::size_t j = 0; j < 16; ++j) {
                    const f32x16 p = f32x16::load(weights + (block + j) * 16);
                    for (std::size_t i = 0; i < n; ++i) acc[i] = fma(p, f32x16::splat(channels[16 * i + j]), acc[i]);
                }
                continue;
            }
            // A key that a row does not see may hold anything: what it makes of the row's sum is dropped.
            for (std::size_t j = 0; j < 16; ++j) {
                const f32x16 p = f32x16::load(weights + (block + j) * 16);
                const f32x16 key = f32x16::splat(static_cast<float>(block + j));
                for (std::size_t i = 0; i < n; ++i) {
                    const f32x16 sum = fma(p, f32x16::splat(channels[16 * i + j]), acc[i]);
                    acc[i] = select_less(key, lasts, select_less(key, firsts, acc[i], sum), acc[i]);
                }
            }
        }
        for (std::size_t i = 0; i < n; ++i) store(channels + 16 * i, acc[i]);
        for (std::size_t r = 0; r < rows.count; ++r)
            for (std::size_t i = 0; i < count; ++i) rows.out[r][c + i] = channels[16 * i + r];
    }
}

// weigh<size>, size in 1 to R.
template <int R, class T>
HEARTH_SIMD void weigh_any(const AttentionSpanArgs& a, const Rows& rows, std::size_t size) {
    if constexpr (R > 1)
        if (size != R) return weigh_any<R - 1, T>(a, rows, size);
    weigh<R, T>(a, rows);
}

template <class T>
HEARTH_SIMD void shared_span(const AttentionSpanArgs& a) {
    float* const p = a.scratch;                      // [kSharedRows][kSpan]
    float* const weights = p + kSharedRows * kSpan;  // [kSpan][16]
    float* const channels = weights + kSpan * 16;    // [kSharedChannels][16]
    Rows rows;
    rows.packed = channels + kSharedChannels * 16;
    rows.fetch = true;
    Cursor at{a.tokens};
    for (std::size_t left = a.count * a.heads; left > 0;) {
        SharedRows all;
        const std::size_t count = left < kSharedRows ? left : kSharedRows;
        for (std::size_t size = 0; all.count < count; all.count += size) {
            size = count - all.count < kSmall ? count - all.count : kSmall;
            rows.p = p + all.count * kSpan;
            fill(rows, a, at, size);
            weigh_any<static_cast<int>(kSmall), T>(a, rows, size);
            rows.fetch = false;
            for (std::size_t r = 0; r < size; ++r) {
                all.out[all.count + r] = rows.out[r];
                all.first[all.count + r] = static_cast<float>(rows.first[r]);
                all.last[all.count + r] = static_cast<float>(rows.last[r]);
            }
            all.begin = rows.begin < all.begin ? rows.begin : all.begin;
            all.end = rows.end > all.end ? rows.end : all.end;
            all.common_begin = rows.common_begin > all.common_begin ? rows.common_begin : all.common_begin;
            all.common_end = rows.common_end < all.common_end ? rows.common_end : all.common_end;
        }
        left -= count;
        for (std::size_t j = all.begin; j < all.end; ++j)
            for (std::size_t r = 0; r < 16; ++r) weights[j * 16 + r] = r < count ? p[r * kSpan + j] : 0.0F;
        shared_values<T>(a, all, weights, channels);
    }
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
