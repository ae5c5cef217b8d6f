// y = W x for weights in quantized blocks over the 16-lane machine. A Format adds one block of T tokens to their sums:
//   using Activation, Layout; static constexpr std::size_t kValues;
//   template <std::size_t T> static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
//                                              const std::uint8_t* ahead, const Activation* const (&x)[T],
//                                              f32x16 (&acc)[T]);
// and fetches the next Layout::kBytes from `ahead` where that is not null. Weights are unpacked once for T tokens.
// Where that takes long, it also has
//   static void unpack(const std::uint8_t* panel, std::size_t blocks, std::size_t b, std::uint8_t* codes);
//   template <std::size_t T> static void unpacked_block(the same, with the block's codes behind `ahead`);
// codes: [k / 4][row][4], a byte each. Many tokens then meet weights that were unpacked once for all of them.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "hearth/kernels/kernels.hpp"
#include "kernels/panels/layout.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

constexpr std::size_t kBytesAhead = 8192;

// Fetches the next `Bytes` in `Steps` steps: a burst would stop the loads behind it. No address is too far.
template <std::size_t Bytes, std::size_t Steps>
HEARTH_SIMD void fetch(const std::uint8_t* ahead, std::size_t step) {
    constexpr std::size_t kLines = (Bytes + 63) / 64, kEach = kLines < Steps ? 1 : kLines / Steps;
    if (ahead == nullptr || step * kEach >= kLines) return;
    for (std::size_t i = 0; i < kEach; ++i) __builtin_prefetch(ahead + 64 * (kEach * step + i));
    if (step + 1 == Steps)
        for (std::size_t i = kEach * Steps; i < kLines; ++i) __builtin_prefetch(ahead + 64 * i);
}

HEARTH_SIMD const std::uint8_t* panel_at(const GemmArgs& a, std::size_t panel) {
    return static_cast<const std::uint8_t*>(a.panels) + panel * a.panel_bytes;
}
template <class Activation>
HEARTH_SIMD const Activation* token_at(const GemmArgs& a, std::size_t token) {
    return reinterpret_cast<const Activation*>(static_cast<const std::byte*>(a.x) + token * a.x_stride);
}
// The sums of a panel's rows for a token; a last panel may have fewer than its lanes.
HEARTH_SIMD void store_sums(const GemmArgs& a, std::size_t panel, std::size_t token, f32x16 sums) {
    const std::size_t row = panel * kLanes, rows = a.rows - row;
    float* const y = a.y + token * a.y_stride + row;
    if (rows < kLanes)
        store_n(y, sums, rows);
    else
        store(y, sums);
}

// A core asks memory for more at a time where it reads several places at once: its own fetching ahead ends with a page
// of 4096 bytes, and arithmetic between the loads leaves less of them in flight.
constexpr std::size_t kStreams = 2, kStreamBytesAhead = 3456, kStreamValues = 256;

// Tokens [token, token + count), of which the last stands for those that are missing of T, times `streams` runs of
// `each` panels from `first` on side by side, kStreamValues of k of each in turn. What is behind a run's end is fetched
// early, or for nothing.
template <class Format, std::size_t T>
void block_tile(const GemmArgs& a, std::size_t first, std::size_t each, std::size_t streams, std::size_t token,
                std::size_t count) {
    using Activation = typename Format::Activation;
    const std::size_t blocks = a.k / Format::kValues, run = streams == 1 ? blocks : kStreamValues / Format::kValues;
    // The first tokens of several meet weights that are still in memory, at a pace that leaves time to fetch them. Few
    // tokens read as fast as memory gives: whether fetches help or disturb then is a matter of the CPU.
    const bool fetches = token == 0 && (T >= 4 || a.fetch_ahead);
    const std::size_t bytes_ahead = streams == 1 ? kBytesAhead : kStreamBytesAhead;
    const Activation* of_token[T];
    for (std::size_t t = 0; t < T; ++t) of_token[t] = token_at<Activation>(a, token + (t < count ? t : count - 1));
    for (std::size_t panel = first; panel < first + each; ++panel) {
        f32x16 sums[kStreams][T];
        for (auto& of_run : sums)
            for (f32x16& sum : of_run) sum = f32x16::zero();
        for (std::size_t begin = 0; begin < blocks; begin += run) {
            const std::size_t end = blocks - begin < run ? blocks : begin + run;
            for (std::size_t s = 0; s < streams; ++s) {
                const std::uint8_t* const w = panel_at(a, panel + s * each);
                const std::uint8_t* ahead = fetches ? w + begin * Format::Layout::kBytes + bytes_ahead : nullptr;
                const Activation* x[T];
                f32x16 acc[T];
                for (std::size_t t = 0; t < T; ++t) {
                    x[t] = of_token[t] + begin;
                    acc[t] = sums[s][t];
                }
                for (std::size_t b = begin; b < end; ++b) {
                    Format::template block<T>(w, blocks, b, ahead, x, acc);
                    if (ahead != nullptr) ahead += Format::Layout::kBytes;
                    for (std::size_t t = 0; t < T; ++t) ++x[t];
                }
                for (std::size_t t = 0; t < T; ++t) sums[s][t] = acc[t];
            }
        }
        for (std::size_t s = 0; s < streams; ++s)
            for (std::size_t t = 0; t < count; ++t) store_sums(a, panel + s * each, token + t, sums[s][t]);
    }
}

// The fewest tokens for a tile of T. Where registers hold many sums a quarter may be missing: one tile of 8 that
// repeats a token takes less time than tiles of 4, 2 and 1, which unpack the weights three times.
constexpr std::size_t least_tokens(std::size_t T) { return kBlockTokens >= 8 ? T - T / 4 : T; }

// Panels [first, end) times tokens from t on, T at a time. One call stands for whole runs and for what is left of them:
// a second one would be a second copy of the kernel. Returns the next token.
template <class Format, std::size_t T>
std::size_t block_tiles(const GemmArgs& a, std::size_t first, std::size_t end, std::size_t t) {
    while (a.tokens - t >= least_tokens(T)) {
        const std::size_t count = a.tokens - t < T ? a.tokens - t : T;
        for (std::size_t panel = first, streams = t == 0 && a.fetch_ahead ? kStreams : 1; panel < end; streams = 1) {
            const std::size_t each = (end - panel) / streams;
            block_tile<Format, T>(a, panel, each, streams, t, count);
            panel += each * streams;
        }
        t += count;
    }
    return t;
}

// Where the smallest library is built every tile unpacks for itself, which saves a second copy of each kernel.
#ifdef HEARTH_FEWEST_KERNELS
constexpr bool kUnpackFirst = false;
#else
constexpr bool kUnpackFirst = true;
#endif
template <class Format>
concept UnpacksFirst = kUnpackFirst && requires(const std::uint8_t* panel, std::uint8_t* codes) {
    Format::unpack(panel, 0, 0, codes);
};

// Of a panel's codes: half of a first cache, beside what the tokens of a tile have for them.
constexpr std::size_t kUnpackedBytes = 16384;

// How many tiles of kBlockTokens there are in so many tokens, a last one of fewer among them.
constexpr std::size_t whole_tiles(std::size_t tokens) {
    return (tokens + kBlockTokens - least_tokens(kBlockTokens)) / kBlockTokens;
}

// Panel `panel`, unpacked a run of blocks after the other, times all whole tiles of tokens; returns the next token.
// Sums rest in y between runs. Each tile fetches its part of the next run.
template <UnpacksFirst Format>
std::size_t unpacked_tiles(const GemmArgs& a, std::size_t panel) {
    using Activation = typename Format::Activation;
    constexpr std::size_t T = kBlockTokens, kCodes = Format::kValues * kLanes, kRun = kUnpackedBytes / kCodes;
    alignas(64) std::uint8_t codes[kRun * kCodes];
    const std::uint8_t* const w = panel_at(a, panel);
    const std::size_t blocks = a.k / Format::kValues, tiles = whole_tiles(a.tokens), part = (kRun + tiles - 1) / tiles;
    const std::size_t row = panel * kLanes, rows = a.rows - row < kLanes ? a.rows - row : kLanes;
    for (std::size_t first = 0; first < blocks; first += kRun) {
        const std::size_t end = blocks - first < kRun ? blocks : first + kRun;
        for (std::size_t b = first; b < end; ++b) Format::unpack(w, blocks, b, codes + (b - first) * kCodes);
        for (std::size_t tile = 0; tile < tiles; ++tile) {
            const std::size_t token = tile * T, count = a.tokens - token < T ? a.tokens - token : T;
            const std::size_t begin_part = first + tile * part, end_part = begin_part + part;
            const Activation* x[T];
            f32x16 acc[T];
            for (std::size_t t = 0; t < T; ++t) {
                const std::size_t from = token + (t < count ? t : count - 1);
                x[t] = token_at<Activation>(a, from) + first;
                const float* const y = a.y + from * a.y_stride + row;
                acc[t] = first == 0 ? f32x16::zero() : rows < kLanes ? f32x16::load_n(y, rows) : f32x16::load(y);
            }
            for (std::size_t b = first; b < end; ++b) {
                const std::uint8_t* const ahead =
                    b >= begin_part && b < end_part ? w + (b + kRun) * Format::Layout::kBytes : nullptr;
                Format::template unpacked_block<T>(w, blocks, b, ahead, codes + (b - first) * kCodes, x, acc);
                for (std::size_t t = 0; t < T; ++t) ++x[t];
            }
            for (std::size_t t = 0; t < count; ++t) store_sums(a, panel, token + t, acc[t]);
        }
    }
    return tiles * T < a.tokens ? tiles * T : a.tokens;
}

// Whether one tile takes all tokens, so that the panels are read once.
constexpr bool one_tile(std::size_t tokens) {
    for (std::size_t T : {kBlockTokens, std::size_t{4}, std::size_t{2}, std::size_t{1}})
        if (T <= kBlockTokens && tokens <= T && tokens >= least_tokens(T)) return true;
    return false;
}

// As many bytes of panels as are left of a core's cache beside the tokens that they meet.
constexpr std::size_t kGroupBytes = 262144;

// A group of panels meets one tile of tokens after the other, so that tokens that outgrow the cache are read once for
// all of them.
template <class Format>
void block_gemm(const GemmArgs& a) {
    const std::size_t panels = (a.rows + kLanes - 1) / kLanes;
    std::size_t group = 1;
    if (one_tile(a.tokens))
        group = panels;
    else if (a.panel_bytes < kGroupBytes)
        group = kGroupBytes / a.panel_bytes;
    for (std::size_t first = 0; first < panels; first += group) {
        const std::size_t end = first + group < panels ? first + group : panels;
        std::size_t t = 0;
        if constexpr (UnpacksFirst<Format>)
            if (whole_tiles(a.tokens) >= 2)
                for (std::size_t panel = first; panel < end; ++panel) t = unpacked_tiles<Format>(a, panel);
        t = block_tiles<Format, kBlockTokens>(a, first, end, t);
        if constexpr (kBlockTokens > 4) t = block_tiles<Format, 4>(a, first, end, t);
        if constexpr (kBlockTokens > 2) t = block_tiles<Format, 2>(a, first, end, t);
        block_tiles<Format, 1>(a, first, end, t);
    }
}

// Unit `unit` of codes that were unpacked before, or what `unpack` gives.
template <bool Unpacked, class Unpack>
HEARTH_SIMD u8x64 unpacked_or(const std::uint8_t* codes, std::size_t unit, Unpack unpack) {
    if constexpr (Unpacked)
        return u8x64::load(codes + unit * panel::kUnit);
    else
        return unpack();
}

// How many sub-blocks of T tokens have room for their sums in registers at once; a power of two, at most `Most`.
template <std::size_t T, int Most>
constexpr int sub_blocks_together = kDots / T >= Most ? Most
                                    : kDots / T >= 4  ? 4
                                    : kDots / T >= 2  ? 2
                                                      : 1;

HEARTH_SIMD f32x16 load_halves(const std::uint8_t* p) {
    return f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(p));
}

// 2^(e - 128) of bytes e: the bits of a normal float, from e = 2 on larger than the others, which are those of a
// subnormal.
HEARTH_SIMD f32x16 load_e8m0_half(const std::uint8_t* p) {
    const i32x16 e = i32x16::load_u8(p), one = i32x16::splat(1);
    return from_bits(max(shl<23>(sub(e, one)), shl<21>(add(e, one))));
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
