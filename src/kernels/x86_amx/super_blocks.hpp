// Matrix products with panels of super-blocks of 256 on AMX int8 tiles, exact to the bit (ARITHMETIC.md). A weight
// without its half scale, w = scale of the sub-block x code, has up to 14 bits: it splits into two byte planes, w = 256
// hi + lo, hi signed and lo unsigned. Both meet the activations in tile products, summed in int32 over all 256 k; then
// comes the same conversion and fma as everywhere else (kernels.hpp).
//
// A panel's unit of 16 rows x 4 k is one row of a B tile, so planes are 64 such rows: 8 KiB, unpacked once for all
// tokens of a group. Every 32 tokens take 16 tile products (2 token tiles x 2 planes x 4 steps of 64 k), and the 32
// sums of the products before them are finished meanwhile, two after each product. Cycles of 32 tokens x 16 rows x 256
// k, from the instructions (two loads, one store, two vector operations a cycle):
//   tile unit 16 x 16 = 256 · stores 64 of sums + 32 of outputs = 96
//   vectors 32 x 12 / 2 = 192 with minima, 32 x 5 / 2 = 80 without
//   loads 128 of activations, which fill cache lines, + 128 of planes + 64 of sums + 32 of outputs + 160 of scales and
//   sums of activations (without minima 32) = 512 / 2 = 256
// and 290 to 370 for unpacking, once for all tokens. The vector kernels take 1,800 for Q4_K.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/x86_amx/tiles.hpp"

#include "kernels/portable/codes_k.inl"

namespace hearth::amx {
namespace {

// A super-block's planes, rows of B tiles: k = 4 i to 4 i + 3 in row i.
struct alignas(64) Planes {
    std::uint8_t hi[64 * panel::kUnit], lo[64 * panel::kUnit];

    // Row i: (codes - 2^Offset) x scale, Offset 0 meaning none. The product with the offset fits in 16 bits.
    template <int Offset>
    HEARTH_SIMD void put(std::size_t i, u8x64 codes, __m512i scales) {
        // The low byte of a scale meets even bytes of codes, moved up it meets odd ones.
        __m512i even = _mm512_maddubs_epi16(codes.v, _mm512_and_si512(scales, _mm512_set1_epi16(0xff)));
        __m512i odd = _mm512_maddubs_epi16(codes.v, _mm512_slli_epi16(scales, 8));
        if constexpr (Offset != 0) {
            even = _mm512_sub_epi16(even, _mm512_slli_epi16(scales, Offset));
            odd = _mm512_sub_epi16(odd, _mm512_slli_epi16(scales, Offset));
        }
        constexpr __mmask64 kOdd = 0xaaaaaaaaaaaaaaaaU;
        _mm512_store_si512(lo + i * panel::kUnit, _mm512_mask_mov_epi8(even, kOdd, _mm512_slli_epi16(odd, 8)));
        _mm512_store_si512(hi + i * panel::kUnit, _mm512_mask_mov_epi8(_mm512_srli_epi16(even, 8), kOdd, odd));
    }
};

// [row][2] small integers: one of the two in both halves of the row's lane.
HEARTH_SIMD __m512i in_both_halves(i16x32 pair, bool second) {
    if (second) return _mm512_mask_mov_epi16(_mm512_srli_epi32(pair.v, 16), 0xaaaaaaaaU, pair.v);
    return _mm512_mask_mov_epi16(pair.v, 0xaaaaaaaaU, _mm512_slli_epi32(pair.v, 16));
}

// Q4_K and Q5_K.
template <class Codes>
class Affine {
public:
    using Layout = typename Codes::Layout;

    HEARTH_SIMD void start(const std::uint8_t* panel, std::size_t, std::size_t b) {
        const std::uint8_t* const block = panel + b * Layout::kBytes;
        for (std::size_t p = 0; p < 4; ++p) mins_[p] = i16x32::load_u8(block + Layout::kMins + 32 * p);
        d_ = f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(block + Layout::kD));
        minus_dmin_ = neg(f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(block + Layout::kDmin)));
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t, std::size_t b, Planes& planes) {
        unpack(panel + b * Layout::kBytes, planes, std::make_integer_sequence<int, 8>());
    }
    HEARTH_SIMD f32x16 finish(i32x16 products, const ActQ8x256& x, f32x16 acc) const {
        i32x16 min_sum = i32x16::zero();
        for (std::size_t p = 0; p < 4; ++p) min_sum = madd16(min_sum, mins_[p], x.sum32 + 2 * p);
        const f32x16 scale = f32x16::splat(x.scale);
        acc = fma(mul(d_, scale), to_f32(products), acc);
        return fma(mul(minus_dmin_, scale), to_f32(min_sum), acc);
    }

private:
    template <int... S>
    HEARTH_SIMD static void unpack(const std::uint8_t* block, Planes& planes, std::integer_sequence<int, S...>) {
        (sub_block<S>(block, planes), ...);
    }
    template <int S>
    HEARTH_SIMD static void sub_block(const std::uint8_t* block, Planes& planes) {
        const __m512i scales = in_both_halves(i16x32::load_u8(block + Layout::kScales + 32 * (S / 2)), S % 2 != 0);
        for (std::size_t g = 0; g < 8; ++g) planes.put<0>(8 * S + g, Codes::template codes<S>(block, g), scales);
    }

    i16x32 mins_[4];
    f32x16 d_, minus_dmin_;
};

// Q6_K and IQ4_XS: signed values, which Codes has as codes above 2^kOffset; template <int S, int Half> static __m512i
// scales(const std::uint8_t* block): of k = 32 S + 16 Half to + 15.
template <class Codes>
class Signed {
public:
    using Layout = typename Codes::Layout;

    HEARTH_SIMD void start(const std::uint8_t* panel, std::size_t blocks, std::size_t b) {
        const panel::BlockPlace at = Layout::place(b, blocks);
        d_ = f32x16::load_f16(reinterpret_cast<const std::uint16_t*>(panel + at.d));
    }
    HEARTH_SIMD static void unpack(const std::uint8_t* panel, std::size_t blocks, std::size_t b, Planes& planes) {
        unpack(panel + Layout::place(b, blocks).block, planes, std::make_integer_sequence<int, 8>());
    }
    HEARTH_SIMD f32x16 finish(i32x16 products, const ActQ8x256& x, f32x16 acc) const {
        return fma(mul(d_, f32x16::splat(x.scale)), to_f32(products), acc);
    }

private:
    template <int... S>
    HEARTH_SIMD static void unpack(const std::uint8_t* block, Planes& planes, std::integer_sequence<int, S...>) {
        (sub_block<S>(block, planes), ...);
    }
    template <int S>
    HEARTH_SIMD static void sub_block(const std::uint8_t* block, Planes& planes) {
        const __m512i scales[2] = {Codes::template scales<S, 0>(block), Codes::template scales<S, 1>(block)};
        for (std::size_t g = 0; g < 8; ++g)
            planes.put<Codes::kOffset>(8 * S + g, Codes::template codes<S>(block, g), scales[g / 4]);
    }

    f32x16 d_;
};

// Tile sums of 32 tokens: [token tile][plane][token][row].
struct alignas(64) Sums {
    std::int32_t of[2][2][kTileTokens][kLanes];
};

template <class Format>
class SuperBlocks {
public:
    using Activation = ActQ8x256;
    using Layout = typename Format::Layout;
    static constexpr std::size_t kTileK = 64, kStep = 1;
    // Below, unpacking takes longer than vectors take for the products.
    static constexpr std::size_t kFewest = 16;

    HEARTH_SIMD static void run(const TileGroup& group, std::size_t begin, std::size_t end) {
        Planes planes;
        Sums sums[2];
        const SuperBlocks product(group);
        Waiting waiting;
        std::size_t turn = 0;
        for (std::size_t b = begin; b < end; ++b) {
            Format::unpack(group.panel, group.blocks, b, planes);
            for (std::size_t t = 0; t < group.tokens;) {
                const std::size_t count = group.tokens - t >= 2 * kTileTokens ? 2 * kTileTokens : kTileTokens;
                if (count == kTileTokens)
                    product.template products<1>(planes, t, b, waiting, sums[turn]);
                else
                    product.template products<2>(planes, t, b, waiting, sums[turn]);
                waiting.format.start(group.panel, group.blocks, b);
                waiting.sums = &sums[turn];
                waiting.block = b;
                waiting.first = t;
                waiting.count = count;
                turn = 1 - turn;
                t += count;
            }
        }
        for (std::size_t i = 0; i < waiting.count; ++i) product.finish(waiting, i);
    }

private:
    // Sums whose products are done.
    struct Waiting {
        Format format;
        const Sums* sums = nullptr;
        std::size_t block = 0, first = 0;  // of 32 tokens
        std::size_t count = 0;             // 32 or 16
    };

    HEARTH_SIMD explicit SuperBlocks(const TileGroup& group) : group_(group) {}

    HEARTH_SIMD const ActQ8x256& input(std::size_t token, std::size_t block) const {
        return reinterpret_cast<const ActQ8x256*>(group_.x + token * group_.x_stride)[block];
    }
    HEARTH_SIMD void finish(const Waiting& w, std::size_t i) const {
        if (i >= w.count) return;
        const auto& planes = w.sums->of[i / kTileTokens];
        const i32x16 hi = i32x16::load(planes[0][i % kTileTokens]), lo = i32x16::load(planes[1][i % kTileTokens]);
        f32x16& acc = group_.acc[w.first + i];
        acc = w.format.finish(add(shl<8>(hi), lo), input(w.first + i, w.block), acc);
    }

    // Step `Step` of 64 k for one or two token tiles, and some of what waits.
    template <int Step, int TokenTiles>
    HEARTH_SIMD void step(const Planes& planes, std::size_t first, std::size_t block, const Waiting& waiting) const {
        constexpr std::size_t kEach = 32 / 4 / (2 * TokenTiles);  // sums finished after a product
        Tiles::load<6>(planes.hi + 16 * Step * panel::kUnit, panel::kUnit);
        Tiles::load<7>(planes.lo + 16 * Step * panel::kUnit, panel::kUnit);
        Tiles::load<4>(input(first, block).q + 64 * Step, group_.x_stride);
        std::size_t next = Step * 8;
        const auto some = [&]() __attribute__((always_inline)) {
            for (std::size_t end = next + kEach; next < end; ++next) finish(waiting, next);
        };
        Tiles::multiply_signed<0, 4, 6>();
        some();
        Tiles::multiply_unsigned<1, 4, 7>();
        some();
        if constexpr (TokenTiles == 2) {
            Tiles::load<5>(input(first + kTileTokens, block).q + 64 * Step, group_.x_stride);
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

    const TileGroup group_;
};

}  // namespace
}  // namespace hearth::amx
