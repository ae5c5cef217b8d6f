// Attention over a span on the 16-lane machine. Include it after the simd.hpp of the instruction set, with HEARTH_ROWS
// defined as the queries of a tile (at most kAttentionRows) and HEARTH_REGISTERS as the f32x16 values that registers
// hold.
//
// Both products are computed in tiles of up to HEARTH_ROWS queries, of one token or of several, x some vectors: each
// vector of keys (16 keys in lanes) or values (16 channels in lanes) is loaded and converted once for the queries that
// share it, and the independent chains of fma hide each other's latency. How tiles are cut changes no chain, hence no
// bit.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hearth/kernels/kernels.hpp"
#include "kernels/portable/math.inl"
#include "kernels/portable/quantize_row.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

static_assert(HEARTH_ROWS <= kAttentionRows);

HEARTH_SIMD f32x16 load_any(const float* p) { return f32x16::load(p); }
HEARTH_SIMD f32x16 load_any(const std::uint16_t* p) { return f32x16::load_f16(p); }
HEARTH_SIMD f32x16 load_any_n(const float* p, std::size_t n) { return f32x16::load_n(p, n); }
HEARTH_SIMD f32x16 load_any_n(const std::uint16_t* p, std::size_t n) { return f32x16::load_f16_n(p, n); }
HEARTH_SIMD f32x16 load_any(const std::int8_t* p) { return to_f32(i32x16::load_s8(p)); }
HEARTH_SIMD f32x16 load_any_n(const std::int8_t* p, std::size_t n) { return to_f32(i32x16::load_s8_n(p, n)); }

// Vectors that a tile of so many rows takes side by side: as many sums, the vectors themselves (one row has used each
// before the next comes) and a broadcast must fit into registers.
constexpr int side_by_side(int rows, int most) {
    while (most > 1 && rows * most + (rows > 1 ? most : 1) + 1 > HEARTH_REGISTERS) most /= 2;
    return most;
}
// More key blocks at a time would walk more streams that are a power of two apart than a cache set has ways.
constexpr int key_blocks(int rows) { return side_by_side(rows, 4); }
constexpr int value_vectors(int rows) { return side_by_side(rows, 8); }

// Queries of a tile, one for each row.
struct Rows {
    const float* q[HEARTH_ROWS];
    float* out[HEARTH_ROWS];
    float* max[HEARTH_ROWS];
    float* sum[HEARTH_ROWS];
    std::size_t first[HEARTH_ROWS], last[HEARTH_ROWS];
    float slope[HEARTH_ROWS], position[HEARTH_ROWS];
    std::size_t begin, end;                // keys that any row sees
    std::size_t common_begin, common_end;  // keys that all rows see; none when begin >= end
    float* p;                              // [rows][kSpan]: scores, then weights
    float* packed;                         // queries, or their codes, as dot tiles want them
    bool fetch;                            // the values are not in cache yet
};

// The next row of tokens x heads.
struct Cursor {
    const AttentionQueries* token;
    std::size_t head = 0;
};
[[gnu::noinline]] void fill(Rows& rows, const AttentionSpanArgs& a, Cursor& at, std::size_t size) {
    rows.begin = rows.common_begin = at.token->first;
    rows.end = rows.common_end = at.token->last;
    for (std::size_t r = 0; r < size; ++r) {
        const AttentionQueries& t = *at.token;
        rows.q[r] = t.q + at.head * a.q_stride;
        rows.out[r] = t.out + at.head * a.out_stride;
        rows.max[r] = t.max + at.head;
        rows.sum[r] = t.sum + at.head;
        rows.first[r] = t.first;
        rows.last[r] = t.last;
        rows.slope[r] = a.slopes ? a.slopes[at.head] : 0.0f;
        rows.position[r] = static_cast<float>(t.position);
        rows.begin = t.first < rows.begin ? t.first : rows.begin;
        rows.end = t.last > rows.end ? t.last : rows.end;
        rows.common_begin = t.first > rows.common_begin ? t.first : rows.common_begin;
        rows.common_end = t.last < rows.common_end ? t.last : rows.common_end;
        if (++at.head == a.heads) {
            at.head = 0;
            ++at.token;
        }
    }
}

// What is asked of memory while a dot tile runs: some bytes of two stretches with each channel, or unit of channels.
// Tiles read several short streams side by side, which the processor's own prefetching does not foresee.
struct Fetch {
    const char *keys = nullptr, *values = nullptr;  // of the next tile; of this tile's keys
    std::size_t key_step = 0, value_step = 0;

    HEARTH_SIMD void more() {
        for (std::size_t i = 0; i < key_step; i += 64) __builtin_prefetch(keys + i);
        for (std::size_t i = 0; i < value_step; i += 64) __builtin_prefetch(values + i);
        keys += key_step;
        values += value_step;
    }
};
// For a tile of `count` keys from key j on, key_bytes in all, which takes so many steps.
HEARTH_SIMD Fetch fetch_with(const AttentionSpanArgs& a, const void* keys, std::size_t key_bytes, std::size_t j,
                             std::size_t count, std::size_t element, std::size_t steps) {
    Fetch f{static_cast<const char*>(keys) + key_bytes, nullptr, key_bytes / steps, 0};
    if (a.values != nullptr) {
        f.values = static_cast<const char*>(a.values) + j * a.value_dim * element;
        f.value_step = (count * a.value_dim * element + steps - 1) / steps;
    }
    return f;
}

// dots[r, 16 b + l] = factor * dot of R rows and B blocks of keys. q [key_dim / 16][R][16], keys [B, key_dim, 16],
// dots [R, kSpan].
template <int R, int B, class T>
HEARTH_SIMD void dot_tile(const float* q, const T* keys, std::size_t key_dim, f32x16 factor, Fetch fetch, float* dots) {
    f32x16 acc[R][B];
    for (int r = 0; r < R; ++r)
        for (int b = 0; b < B; ++b) acc[r][b] = f32x16::zero();
    for (std::size_t left = key_dim; left > 0; q += R * 16) {
        const std::size_t channels = left < 16 ? left : 16;
        left -= channels;
        for (std::size_t c = 0; c < channels; ++c, keys += 16) {
            fetch.more();
            f32x16 k[B];
            for (int b = 0; b < B; ++b) k[b] = load_any(keys + static_cast<std::size_t>(b) * key_dim * 16);
            for (int r = 0; r < R; ++r) {
                const f32x16 qc = f32x16::splat(q[static_cast<std::size_t>(r) * 16 + c]);
                for (int b = 0; b < B; ++b) acc[r][b] = fma(k[b], qc, acc[r][b]);
            }
        }
    }
    for (int r = 0; r < R; ++r)
        for (int b = 0; b < B; ++b) store(dots + static_cast<std::size_t>(r) * kSpan + 16 * b, mul(factor, acc[r][b]));
}

// Scaled dots of all rows with the keys that any of them sees, and with what it takes to make whole tiles. The values
// of the same keys are fetched on the way: the dots then pay for the memory's time, which the sum over values cannot
// hide.
template <int R, class T>
HEARTH_SIMD void scores(const AttentionSpanArgs& a, const Rows& rows) {
    float* to = rows.packed;
    for (std::size_t c = 0; c < a.key_dim; c += 16)
        for (int r = 0; r < R; ++r, to += 16) {
            store(to, load_up_to_16(rows.q[r] + c, a.key_dim - c));
        }
    constexpr std::size_t keys = 16 * key_blocks(R);
    static_assert(kSpan % keys == 0);
    const auto* key = static_cast<const T*>(a.keys);
    for (std::size_t j = rows.begin / keys * keys; j < rows.end; j += keys) {
        const T* const tile = key + j * a.key_dim;
        const Fetch fetch =
            rows.fetch ? fetch_with(a, tile, keys * a.key_dim * sizeof(T), j, keys, sizeof(T), a.key_dim) : Fetch{};
        dot_tile<R, key_blocks(R)>(rows.packed, tile, a.key_dim, f32x16::splat(a.scale), fetch, rows.p + j);
    }
}

// Rows of an integer dot tile and key blocks beside each other: fewer sums than in float, as what stands beside them
// takes more registers.
constexpr int kDotRows = HEARTH_REGISTERS < 32 ? 3 : 6;
constexpr int dot_groups(int rows) { return (rows + kDotRows - 1) / kDotRows; }
constexpr int dot_rows(int rows) { return (rows + dot_groups(rows) - 1) / dot_groups(rows); }
constexpr int dot_blocks(int rows) {
    int blocks = 4;
    while (blocks > 1 && dot_rows(rows) * blocks > HEARTH_REGISTERS / 2) blocks /= 2;
    return blocks;
}

// Queries as codes lie packed as [units / 16][rows][16][4]; and each row has a factor and what its sums start with.
struct Codes {
    const std::int8_t* packed;
    float factor[HEARTH_ROWS];  // scale * sq
    i32x16 start[HEARTH_ROWS];
};

// Scores of rows R0 to R0 + N of R with B blocks of keys: keys [B, units, 16, 4], scales [B, 16], to [R, kSpan].
template <int R, int R0, int N, int B>
HEARTH_SIMD void int_dot_tile(const Codes& query, const std::uint8_t* keys, std::size_t units, const float* scales,
                              Fetch fetch, float* to) {
    i32x16 acc[N][B];
    for (int r = 0; r < N; ++r)
        for (int b = 0; b < B; ++b) acc[r][b] = query.start[R0 + r];
    const std::int8_t* q = query.packed + R0 * 64;
    for (std::size_t left = units; left > 0; q += R * 64) {
        const std::size_t count = left < 16 ? left : 16;
        left -= count;
        for (std::size_t u = 0; u < count; ++u, keys += 64) {
            fetch.more();
            s8x64 k[B];
            for (int b = 0; b < B; ++b) k[b] = s8x64::load_offset(keys + static_cast<std::size_t>(b) * units * 64);
            for (int r = 0; r < N; ++r)
                for (int b = 0; b < B; ++b)
                    acc[r][b] = dot4(acc[r][b], k[b], q + static_cast<std::size_t>(r) * 64 + 4 * u);
        }
    }
    for (int r = 0; r < N; ++r)
        for (int b = 0; b < B; ++b) {
            const f32x16 factor = mul(f32x16::load(scales + 16 * b), f32x16::splat(query.factor[R0 + r]));
            store(to + static_cast<std::size_t>(R0 + r) * kSpan + 16 * b, mul(factor, to_f32(acc[r][b])));
        }
}
template <int R, int R0, int B>
HEARTH_SIMD void int_dot_rows(const Codes& query, const std::uint8_t* keys, std::size_t units, const float* scales,
                              Fetch fetch, float* to) {
    constexpr int n = dot_rows(R - R0);
    int_dot_tile<R, R0, n, B>(query, keys, units, scales, fetch, to);
    if constexpr (R0 + n < R) int_dot_rows<R, R0 + n, B>(query, keys, units, scales, Fetch{}, to);
}

template <int R>
HEARTH_SIMD void int_scores(const AttentionSpanArgs& a, const Rows& rows) {
    auto* const packed = reinterpret_cast<std::int8_t*>(rows.packed);
    Codes query;
    query.packed = packed;
    for (int r = 0; r < R; ++r) {
        const Scaling s = scaling(rows.q[r], a.key_dim);
        i32x16 sums = i32x16::zero();
        for (std::size_t c = 0; c < a.key_dim; c += 16) {
            const i32x16 qc = codes(load_up_to_16(rows.q[r] + c, a.key_dim - c), s.inv);
            sums = add(sums, qc);
            store_s8(packed + (c / 64 * R + static_cast<std::size_t>(r)) * 64 + c % 64, qc);
        }
        query.factor[r] = a.scale * s.scale;
        query.start[r] = dot4_start(fold_add(sums));
    }
    constexpr int blocks = dot_blocks(R);
    constexpr std::size_t keys = 16 * blocks;
    const std::size_t units = key_units(a.key_dim);
    for (std::size_t j = rows.begin / keys * keys; j < rows.end; j += keys) {
        const auto* const tile = static_cast<const std::uint8_t*>(a.keys) + j * units * 4;
        const Fetch fetch = rows.fetch ? fetch_with(a, tile, keys * units * 4, j, keys, 1, units) : Fetch{};
        int_dot_rows<R, 0, blocks>(query, tile, units, a.key_scales + j, fetch, rows.p + j);
    }
}

// Scores of one row to weights p = exp(s - max) in place, 0 for the lanes of [first, last)'s blocks that lie outside.
// No part of a tile: one copy does for all of their sizes.
[[gnu::noinline]] void weights_of_scores(float softcap, const Rows& rows, int r, float* p) {
    const std::size_t first = rows.first[r], last = rows.last[r];
    const std::size_t begin = first / 16 * 16, end = (last + 15) / 16 * 16;
    if (softcap > 0.0f) {
        const f32x16 cap = f32x16::splat(softcap);
        for (std::size_t j = begin; j < end; j += 16) store(p + j, mul(cap, tanh(div(f32x16::load(p + j), cap))));
    }
    if (rows.slope[r] != 0.0f) {
        constexpr float lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        const f32x16 slope = f32x16::splat(-rows.slope[r]), lanes = f32x16::load(lane);
        for (std::size_t j = begin; j < end; j += 16) {
            const f32x16 distance = add(lanes, f32x16::splat(static_cast<float>(j) - rows.position[r]));
            store(p + j, fma(slope, abs(distance), f32x16::load(p + j)));
        }
    }
    for (std::size_t j = begin; j < first; ++j) p[j] = -kInfinity;
    for (std::size_t j = last; j < end; ++j) p[j] = -kInfinity;

    f32x16 tops = f32x16::splat(-kInfinity);
    for (std::size_t j = begin; j < end; j += 16) tops = max(f32x16::load(p + j), tops);
    const float top = fold_max(tops) + 0.0f;  // -0 becomes +0
    const f32x16 largest = f32x16::splat(top);
    f32x16 sums = f32x16::zero();
    for (std::size_t j = begin; j < end; j += 16) {
        const f32x16 w = exp(sub(f32x16::load(p + j), largest));
        store(p + j, w);
        sums = add(sums, w);
    }
    *rows.max[r] = top;
    *rows.sum[r] = fold_add(sums);
}

// Keys [from, to) added to channels c to c + 16 V of R rows, which start at 0 unless `more`. p [R, kSpan], values
// [kSpan, value_dim]; a lone vector may have fewer channels.
template <int R, int V, class T>
HEARTH_SIMD void value_tile(const AttentionSpanArgs& a, const float* p, float* const* out, std::size_t from,
                            std::size_t to, bool more, std::size_t c) {
    const std::size_t left = a.value_dim - c;
    const bool tail = V == 1 && left < 16;
    f32x16 acc[R][V];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) {
            const float* start = out[r] + c + 16 * v;
            acc[r][v] = !more ? f32x16::zero() : tail ? f32x16::load_n(start, left) : f32x16::load(start);
        }
    const T* row = static_cast<const T*>(a.values) + from * a.value_dim + c;
    for (std::size_t j = from; j < to; ++j, row += a.value_dim) {
        f32x16 x[V];
        for (int v = 0; v < V; ++v) x[v] = tail ? load_any_n(row, left) : load_any(row + 16 * v);
        for (int r = 0; r < R; ++r) {
            const f32x16 pj = f32x16::splat(p[static_cast<std::size_t>(r) * kSpan + j]);
            for (int v = 0; v < V; ++v) acc[r][v] = fma(pj, x[v], acc[r][v]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) {
            float* y = out[r] + c + 16 * v;
            if (tail)
                store_n(y, acc[r][v], left);
            else
                store(y, acc[r][v]);
        }
}

// All channels from c on, V vectors at a time as long as there are V.
template <int R, int V, class T>
HEARTH_SIMD void value_channels(const AttentionSpanArgs& a, const float* p, float* const* out, std::size_t from,
                                std::size_t to, bool more, std::size_t c) {
    for (; c + (V > 1 ? 16 * V : 1) <= a.value_dim; c += 16 * V) value_tile<R, V, T>(a, p, out, from, to, more, c);
    if constexpr (V > 1) value_channels<R, V / 2, T>(a, p, out, from, to, more, c);
}
template <int R, class T>
[[gnu::noinline]] void add_values(const AttentionSpanArgs& a, const float* p, float* const* out, std::size_t from,
                                  std::size_t to, bool more) {
    value_channels<R, value_vectors(R), T>(a, p, out, from, to, more, 0);
}

// The keys that all rows see, all rows at once; before and after them each row for itself: a key that a row does not
// see may hold anything, so not even a weight of 0 may meet it.
template <int R, class T>
HEARTH_SIMD void values(const AttentionSpanArgs& a, const Rows& rows) {
    const bool common = rows.common_begin < rows.common_end;
    const bool early = rows.begin < rows.common_begin || !common;
    if (early)
        for (int r = 0; r < R; ++r)
            add_values<1, T>(a, rows.p + r * kSpan, rows.out + r, rows.first[r],
                             common ? rows.common_begin : rows.last[r], false);
    if (!common) return;
    add_values<R, T>(a, rows.p, rows.out, rows.common_begin, rows.common_end, early);
    for (int r = 0; r < R; ++r)
        if (rows.common_end < rows.last[r])
            add_values<1, T>(a, rows.p + r * kSpan, rows.out + r, rows.common_end, rows.last[r], true);
}

// What stands before the values in their sum, with max and sum of the rows.
template <int R, class T>
[[gnu::noinline]] void weigh(const AttentionSpanArgs& a, const Rows& rows) {
    constexpr bool coded = std::is_same_v<T, std::int8_t>;
    const float* const scales = a.values != nullptr ? a.value_scales : a.key_scales;
    if constexpr (coded)
        int_scores<R>(a, rows);
    else
        scores<R, T>(a, rows);
    for (int r = 0; r < R; ++r) {
        float* const p = rows.p + r * kSpan;
        weights_of_scores(a.softcap, rows, r, p);
        if constexpr (coded)
            for (std::size_t j = rows.first[r] / 16 * 16; j < rows.last[r]; j += 16)
                store(p + j, mul(f32x16::load(p + j), f32x16::load(scales + j)));
    }
}

template <int R, class T>
[[gnu::noinline]] void attend(const AttentionSpanArgs& a, const Rows& rows) {
    weigh<R, T>(a, rows);
    values<R, T>(a, rows);
}

// Rows of the next tile when so many are left. Few sizes between kSmall and the largest tile keep the code small.
constexpr std::size_t kSmall = HEARTH_ROWS < 8 ? HEARTH_ROWS : 8;
HEARTH_SIMD std::size_t tile_rows(std::size_t left) {
    return left >= HEARTH_ROWS ? HEARTH_ROWS : left > kSmall ? (left + 1) / 2 : left;
}
// attend<size>, size in 1 to R.
template <int R, class T>
HEARTH_SIMD void attend_any(const AttentionSpanArgs& a, const Rows& rows, std::size_t size) {
    if constexpr (R > 1)
        if (size != R) return attend_any<(R > kSmall ? kSmall : R - 1), T>(a, rows, size);
    attend<R, T>(a, rows);
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA

#include "kernels/portable/attention_shared.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

template <class T>
HEARTH_SIMD void attention_span(const AttentionSpanArgs& a) {
    if (a.values == nullptr) return shared_span<T>(a);
    Rows rows;
    rows.p = a.scratch;
    rows.packed = a.scratch + HEARTH_ROWS * kSpan;
    rows.fetch = true;
    Cursor at{a.tokens};
    std::size_t size = 0;
    for (std::size_t left = a.count * a.heads; left > 0; left -= size) {
        size = tile_rows(left);
        fill(rows, a, at, size);
        attend_any<HEARTH_ROWS, T>(a, rows, size);
        rows.fetch = false;
    }
}

}  // namespace

void attention_span_f32(const AttentionSpanArgs& a) { attention_span<float>(a); }
void attention_span_f16(const AttentionSpanArgs& a) { attention_span<std::uint16_t>(a); }
void attention_span_q8_0(const AttentionSpanArgs& a) { attention_span<std::int8_t>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
