// Matrix products with K-quant panels on AMX int8 tiles, exact to the bit (ARITHMETIC.md). A super-block's weight
// without its half scale, w = scale of the sub-block x code, has up to 14 bits: it splits into two byte planes, w = 256
// hi + lo, hi signed and lo unsigned. Both meet the activations in tile products, summed in int32 over all 256 k; then
// comes the same conversion and fma as everywhere else (kernels.hpp).
//
// A panel's unit of 16 rows x 4 k is one row of a B tile, so planes are 64 such rows. For 16 rows and at most kTokens
// tokens: planes of one super-block are unpacked once into the L1 cache (8 KiB), every 32 tokens take 16 tile products
// (2 token tiles x 2 planes x 4 steps of 64 k), and the 32 sums of the products before them are finished meanwhile, two
// after each product: a product keeps the tile unit busy for 16 cycles, the two sums take about as many on the other
// ports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "hearth/kernels/kernels.hpp"
#include "kernels/panels/layout.hpp"
#include "kernels/x86_amx/simd.hpp"

namespace hearth::amx {
namespace {

constexpr std::size_t kTileRows = 16;  // tokens of an A tile, k / 4 of a B tile
constexpr std::size_t kTileBytes = 1024;
constexpr std::size_t kTokens = 256;  // whose sums stay in the cache
constexpr std::size_t kFewest = 32;   // below, unpacking planes costs more than their products save

// Tiles by number: sums 0 to 3 as 2 * token tile + plane, 4 and 5 activations of two token tiles, 6 and 7 the planes.
struct alignas(64) TileConfig {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Assembly, for GCC 12's intrinsics do not say what they read and write: stores into the configuration and into the
// planes could move past them.
class Tiles {
public:
    HEARTH_SIMD Tiles() { asm volatile("ldtilecfg %0" ::"m"(config_)); }
    HEARTH_SIMD ~Tiles() { asm volatile("tilerelease" ::: "memory"); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

    template <int N>
    HEARTH_SIMD static void zero() {
        asm volatile("tilezero %%tmm%c0" ::"i"(N));
    }
    template <int N>
    HEARTH_SIMD static void load(const void* from, std::size_t stride) {
        asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(N) : "memory");
    }
    template <int N>
    HEARTH_SIMD static void store(void* to) {
        asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(std::size_t{64}), "i"(N) : "memory");
    }
    // C += A B with signed A; B signed or unsigned.
    template <int C, int A, int B>
    HEARTH_SIMD static void multiply_signed() {
        asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
    }
    template <int C, int A, int B>
    HEARTH_SIMD static void multiply_unsigned() {
        asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
    }

private:
    TileConfig config_;
};

// A super-block's planes, rows of B tiles: k = 4 i to 4 i + 3 in row i.
struct alignas(64) Planes {
    std::uint8_t hi[64 * panel::kUnit], lo[64 * panel::kUnit];

    // Codes of row i times the scales of their panel rows, in both 16-bit halves of a lane.
    HEARTH_SIMD void put(std::size_t i, u8x64 codes, __m512i scales) {
        // The low byte of a scale meets even bytes of codes, moved up it meets odd ones.
        const __m512i even = _mm512_maddubs_epi16(codes.v, scales);
        const __m512i odd = _mm512_maddubs_epi16(codes.v, _mm512_slli_epi16(scales, 8));
        constexpr __mmask64 kOdd = 0xaaaaaaaaaaaaaaaaU;
        _mm512_store_si512(lo + i * panel::kUnit, _mm512_mask_mov_epi8(even, kOdd, _mm512_slli_epi16(odd, 8)));
        _mm512_store_si512(hi + i * panel::kUnit, _mm512_mask_mov_epi8(_mm512_srli_epi16(even, 8), kOdd, odd));
    }
};

// [row][2] small integers: one of the two, its low byte in both halves of the row's lane.
HEARTH_SIMD __m512i low_bytes(i16x32 pair, bool second) {
    const __m512i byte = _mm512_and_si512(second ? _mm512_srli_epi32(pair.v, 16) : pair.v, _mm512_set1_epi32(0xff));
    return _mm512_or_si512(byte, _mm512_slli_epi32(byte, 16));
}

// Q4_K and Q5_K.
template <class Codes>
class Affine {
public:
    using Layout = typename Codes::Layout;

    HEARTH_SIMD void start(const std::uint8_t* panel, std::size_t, std::size_t b) {
        const std::uint8_t* const block = panel + b * Layout::kBytes;
        mins_ = block + Layout::kMins;
        d_ = f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(block + Layout::kD));
        dmin_ = f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(block + Layout::kDmin));
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t, std::size_t b, Planes& planes) {
        unpack(panel + b * Layout::kBytes, planes, std::make_integer_sequence<int, 8>());
    }
    HEARTH_SIMD f32x16 finish(i32x16 products, const ActQ8x256& x, f32x16 acc) const {
        i32x16 min_sum = i32x16::zero();
        for (std::size_t p = 0; p < 4; ++p) min_sum = madd16(min_sum, i16x32::load_u8(mins_ + 32 * p), x.sum32 + 2 * p);
        const f32x16 scale = f32x16::splat(x.scale);
        acc = fma(mul(d_, scale), to_f32(products), acc);
        return fma(neg(mul(dmin_, scale)), to_f32(min_sum), acc);
    }

private:
    template <int... S>
    HEARTH_SIMD static void unpack(const std::uint8_t* block, Planes& planes, std::integer_sequence<int, S...>) {
        (sub_block<S>(block, planes), ...);
    }
    template <int S>
    HEARTH_SIMD static void sub_block(const std::uint8_t* block, Planes& planes) {
        const __m512i scales = low_bytes(i16x32::load_u8(block + Layout::kScales + 32 * (S / 2)), S % 2 != 0);
        for (std::size_t g = 0; g < 8; ++g) planes.put(8 * S + g, Codes::template codes<S>(block, g), scales);
    }

    const std::uint8_t* mins_;
    f32x16 d_, dmin_;
};

// Q6_K: the offset of 32 comes off through the sums of the activations.
template <class Codes>
class Offset {
public:
    using Layout = typename Codes::Layout;

    HEARTH_SIMD void start(const std::uint8_t* panel, std::size_t blocks, std::size_t b) {
        const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
        scales_ = reinterpret_cast<const std::int8_t*>(panel + at.block + Layout::kScales);
        d_ = f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(panel + at.d));
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t blocks, std::size_t b, Planes& planes) {
        unpack(panel + panel::in_twos<Layout::kBlock>(b, blocks).block, planes, std::make_integer_sequence<int, 8>());
    }
    HEARTH_SIMD f32x16 finish(i32x16 products, const ActQ8x256& x, f32x16 acc) const {
        i32x16 sum = i32x16::zero();
        for (std::size_t p = 0; p < 8; ++p) sum = madd16(sum, i16x32::load_s8(scales_ + 32 * p), x.sum16 + 2 * p);
        return fma(mul(d_, f32x16::splat(x.scale)), to_f32(sub(products, shl<5>(sum))), acc);
    }

private:
    template <int... S>
    HEARTH_SIMD static void unpack(const std::uint8_t* block, Planes& planes, std::integer_sequence<int, S...>) {
        (quarter<S>(block, planes), ...);
    }
    // 32 k: two sub-blocks of 16.
    template <int S>
    HEARTH_SIMD static void quarter(const std::uint8_t* block, Planes& planes) {
        const i16x32 pair = i16x32::load_s8(reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * S));
        const __m512i scales[2] = {low_bytes(pair, false), low_bytes(pair, true)};
        for (std::size_t g = 0; g < 8; ++g) planes.put(8 * S + g, Codes::template codes<S>(block, g), scales[g / 4]);
    }

    const std::int8_t* scales_;
    f32x16 d_;
};

// Tile sums of 32 tokens: [token tile][plane][token][row].
struct alignas(64) Sums {
    std::int32_t of[2][2][kTileRows][kLanes];
};

template <class Format>
struct TileGemm {
    const GemmArgs& args;
    const std::uint8_t* panel;
    std::size_t blocks;
    const std::byte* x;  // of the group's first token
    std::size_t tokens;  // of the group, a multiple of kTileRows
    f32x16* acc;         // [tokens]

    // Sums whose products are done.
    struct Waiting {
        Format format;
        const Sums* sums = nullptr;
        std::size_t block = 0, first = 0;  // of 32 tokens
        std::size_t count = 0;             // 32 or 16
    };

    HEARTH_SIMD const ActQ8x256& input(std::size_t token, std::size_t block) const {
        return reinterpret_cast<const ActQ8x256*>(x + token * args.x_stride)[block];
    }
    HEARTH_SIMD void finish(const Waiting& w, std::size_t i) const {
        if (i >= w.count) return;
        const auto& planes = w.sums->of[i / kTileRows];
        const i32x16 hi = i32x16::load(planes[0][i % kTileRows]), lo = i32x16::load(planes[1][i % kTileRows]);
        acc[w.first + i] = w.format.finish(add(shl<8>(hi), lo), input(w.first + i, w.block), acc[w.first + i]);
    }

    // Step `Step` of 64 k for one or two token tiles, and some of what waits.
    template <int Step, int TokenTiles>
    HEARTH_SIMD void step(const Planes& planes, std::size_t first, std::size_t block, const Waiting& waiting) const {
        constexpr std::size_t kEach = 32 / 4 / (2 * TokenTiles);  // sums finished after a product
        Tiles::load<6>(planes.hi + Step * kTileBytes, 64);
        Tiles::load<7>(planes.lo + Step * kTileBytes, 64);
        Tiles::load<4>(input(first, block).q + 64 * Step, args.x_stride);
        std::size_t next = Step * 8;
        const auto some = [&]() __attribute__((always_inline)) {
            for (std::size_t end = next + kEach; next < end; ++next) finish(waiting, next);
        };
        Tiles::multiply_signed<0, 4, 6>();
        some();
        Tiles::multiply_unsigned<1, 4, 7>();
        some();
        if constexpr (TokenTiles == 2) {
            Tiles::load<5>(input(first + kTileRows, block).q + 64 * Step, args.x_stride);
            Tiles::multiply_signed<2, 5, 6>();
            some();
            Tiles::multiply_unsigned<3, 5, 7>();
            some();
        }
    }

    template <int TokenTiles>
    HEARTH_SIMD void products(const Planes& planes, std::size_t first, std::size_t block, const Waiting& waiting,
                              Sums& to) const {
        Tiles::zero<0>();
        Tiles::zero<1>();
        if constexpr (TokenTiles == 2) {
            Tiles::zero<2>();
            Tiles::zero<3>();
        }
        step<0, TokenTiles>(planes, first, block, waiting);
        step<1, TokenTiles>(planes, first, block, waiting);
        step<2, TokenTiles>(planes, first, block, waiting);
        step<3, TokenTiles>(planes, first, block, waiting);
        Tiles::store<0>(to.of[0][0]);
        Tiles::store<1>(to.of[0][1]);
        if constexpr (TokenTiles == 2) {
            Tiles::store<2>(to.of[1][0]);
            Tiles::store<3>(to.of[1][1]);
        }
    }

    HEARTH_SIMD void run() const {
        Planes planes;
        Sums sums[2];
        Waiting waiting;
        std::size_t turn = 0;
        for (std::size_t b = 0; b < blocks; ++b) {
            Format::unpack(panel, blocks, b, planes);
            for (std::size_t t = 0; t < tokens;) {
                const std::size_t count = tokens - t >= 2 * kTileRows ? 2 * kTileRows : kTileRows;
                if (count == kTileRows)
                    products<1>(planes, t, b, waiting, sums[turn]);
                else
                    products<2>(planes, t, b, waiting, sums[turn]);
                waiting.format.start(panel, blocks, b);
                waiting.sums = &sums[turn];
                waiting.block = b;
                waiting.first = t;
                waiting.count = count;
                turn = 1 - turn;
                t += count;
            }
        }
        for (std::size_t i = 0; i < waiting.count; ++i) finish(waiting, i);
    }
};

// `few` multiplies tokens that fill no tile; its bits are the same.
template <class Format>
void tile_gemm(const GemmArgs& a, GemmFn few) {
    const std::size_t in_tiles = a.tokens < kFewest ? 0 : a.tokens / kTileRows * kTileRows;
    if (in_tiles != 0) {
        const Tiles tiles;
        for (std::size_t row = 0; row < a.rows; row += kLanes) {
            const auto* const panel = static_cast<const std::uint8_t*>(a.panels) + row / kLanes * a.panel_bytes;
            const std::size_t rows = a.rows - row < kLanes ? a.rows - row : kLanes;
            for (std::size_t first = 0; first < in_tiles; first += kTokens) {
                f32x16 acc[kTokens];
                const std::size_t tokens = in_tiles - first < kTokens ? in_tiles - first : kTokens;
                for (std::size_t t = 0; t < tokens; ++t) acc[t] = f32x16::zero();
                TileGemm<Format>{a,
                                 panel,
                                 a.k / Format::Layout::kValues,
                                 static_cast<const std::byte*>(a.x) + first * a.x_stride,
                                 tokens,
                                 acc}
                    .run();
                for (std::size_t t = 0; t < tokens; ++t) {
                    float* const y = a.y + (first + t) * a.y_stride + row;
                    if (rows < kLanes)
                        store_n(y, acc[t], rows);
                    else
                        store(y, acc[t]);
                }
            }
        }
    }
    if (in_tiles == a.tokens) return;
    GemmArgs rest = a;
    rest.x = static_cast<const std::byte*>(a.x) + in_tiles * a.x_stride;
    rest.y = a.y + in_tiles * a.y_stride;
    rest.tokens = a.tokens - in_tiles;
    few(rest);
}

}  // namespace
}  // namespace hearth::amx
