// Matrix products with panels of blocks of 32 on AMX int8 tiles, exact to the bit (ARITHMETIC.md). Each block has a
// scale, so a tile product covers 32 k: 16 tokens x 32 bytes with 8 units of signed codes. Its sums go through the L1
// cache to the conversion and fma of kernels.hpp.
//
// Four blocks of a panel are unpacked at a time (2 KiB) and meet 16 tokens after 16 tokens, a turn each. While a turn
// multiplies, the sums of the turn before are stored, just before its tiles are needed, and those of the turn before
// that are added to the outputs, a quarter after each product: nothing waits for the 52 cycles of a product or for its
// stores. Cycles of 16 tokens x 16 rows x 32 k, from the instructions (two loads, one store, two vector operations a
// cycle):
//   tile unit 16 · stores 16 of sums + 4 of outputs = 20 · vectors 3 x 16 / 2 = 24 (6 x 16 / 2 = 48 with minima)
//   loads 22 of activations, three eighths of which cross lines, + 8 of codes + 16 of sums + 16 of scales + 4 of
//   outputs = 66 / 2 = 33
// so 33, or 48 with minima, and 8 to 16 for a block's unpacking, once for all tokens. The vector kernels take 98 for
// Q8_0, 110 for Q4_0, 168 for Q5_1: 128 vpdpbusd, the same fix-up, the start of the sums, unpacking for 8 tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/x86_amx/tiles.hpp"

#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::amx {
namespace {

// Formats: using Layout; static f32x16 scale(const std::uint8_t* scales); template <int G> static __m512i
// unit(const std::uint8_t* block): signed codes of k = 4 G to + 3. A Layout with kM also has a minimum.
template <class Codes>
struct Shifted : Codes {
    template <int G>
    HEARTH_SIMD static __m512i unit(const std::uint8_t* block) {
        const u8x64 nibbles = u8x64::load(block + Codes::Layout::kNibbles + G % 4 * panel::kUnit);
        const __m512i codes = Codes::template codes<G>(nibbles, block).v;
        if constexpr (Codes::kOffset == 0) return codes;
        return _mm512_sub_epi8(codes, _mm512_set1_epi8(Codes::kOffset));
    }
};
template <class L, const std::int8_t (&Table)[16]>
struct FromTable {
    using Layout = L;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int G>
    HEARTH_SIMD static __m512i unit(const std::uint8_t* block) {
        const u8x64 nibbles = u8x64::load(block + Layout::kNibbles + G % 4 * panel::kUnit);
        return _mm512_shuffle_epi8(table_of(Table), bits_down<4 * (G / 4), 15>(nibbles).v);
    }
};

template <class Format>
class BlocksOf32 {
public:
    using Activation = ActQ8x32;
    using Layout = typename Format::Layout;
    static constexpr std::size_t kTileK = 32, kStep = 4;
    // Eight tokens take 33 cycles a block with their share of unpacking, 49 to 60 on vectors.
    static constexpr std::size_t kFewest = 8;

    HEARTH_SIMD static void run(const TileGroup& group, std::size_t begin, std::size_t end) {
        Room room;
        BlocksOf32 product(group, room);
        std::size_t b = begin;
        for (; end - b >= kStep; b += kStep) product.template step<kStep>(b);
        for (; b < end; ++b) product.template step<1>(b);
        product.store_all();
        product.finish(0, kTileTokens);
        product.waiting_ = product.stored_;
        product.finish(0, kTileTokens);
    }

private:
    static constexpr bool kHasMin = requires { Layout::kM; };
    static constexpr std::size_t kBlockBytes = 8 * panel::kUnit;

    struct alignas(64) Sums {
        std::int32_t of[kStep][kTileTokens][kLanes];
    };
    struct Scales {
        f32x16 d[kStep];
        f32x16 m[kHasMin ? kStep : 1];
    };
    struct Room {
        alignas(64) std::uint8_t codes[kStep * kBlockBytes];
        Sums sums[2];
        Scales scales[3];  // of this step, and of two turns before
    };
    // The products of a step and 16 tokens.
    struct Turn {
        const Scales* scales = nullptr;
        Sums* sums = nullptr;
        std::size_t block = 0, blocks = 0;  // blocks: kStep, 1, or 0 when there is nothing
        std::size_t token = 0;
    };

    HEARTH_SIMD BlocksOf32(const TileGroup& group, Room& room) : group_(group), room_(room) {}

    HEARTH_SIMD const ActQ8x32* input(std::size_t token, std::size_t block) const {
        return reinterpret_cast<const ActQ8x32*>(group_.x + token * group_.x_stride) + block;
    }

    template <int... G>
    HEARTH_SIMD static void unpack(const std::uint8_t* block, std::uint8_t* to, std::integer_sequence<int, G...>) {
        (_mm512_store_si512(to + G * panel::kUnit, Format::template unit<G>(block)), ...);
    }

    template <std::size_t N>
    HEARTH_SIMD void step(std::size_t first) {
        Scales& scales = room_.scales[scales_];
        scales_ = scales_ == 2 ? 0 : scales_ + 1;
        for (std::size_t i = 0; i < N; ++i) {
            const panel::BlockPlace at = Layout::place(first + i, group_.blocks);
            unpack(group_.panel + at.block, room_.codes + i * kBlockBytes, std::make_integer_sequence<int, 8>());
            scales.d[i] = Format::scale(group_.panel + at.d);
            if constexpr (kHasMin) scales.m[i] = load_halves(group_.panel + at.d + Layout::kM);
        }
        const std::size_t tile = group_.tokens < kTileTokens ? group_.tokens : kTileTokens;
        for (std::size_t t = 0; t < group_.tokens; t += tile) turn<N>(scales, first, t);
    }

    template <std::size_t N>
    HEARTH_SIMD void turn(const Scales& scales, std::size_t block, std::size_t token) {
        product<0, N>(block, token);
        product<1, N>(block, token);
        product<2, N>(block, token);
        product<3, N>(block, token);
        Sums* const sums = stored_.sums == &room_.sums[0] ? &room_.sums[1] : &room_.sums[0];
        waiting_ = stored_;
        stored_ = {&scales, sums, block, N, token};
    }

    // Block I of a turn: the sums that its tile holds leave it before.
    template <int I, std::size_t N>
    HEARTH_SIMD void product(std::size_t block, std::size_t token) {
        if (I < stored_.blocks) Tiles::store<I>(stored_.sums->of[I]);
        if constexpr (I < N) {
            constexpr int A = 4 + I % 2, B = 6 + I % 2;
            Tiles::zero<I>();
            Tiles::load<B>(room_.codes + I * kBlockBytes, panel::kUnit);
            Tiles::load<A>(input(token, block + I)->q, group_.x_stride);
            Tiles::multiply_signed<I, A, B>();
        }
        finish(4 * I, 4 * I + 4);
    }
    HEARTH_SIMD void store_all() {
        if (stored_.blocks > 0) Tiles::store<0>(stored_.sums->of[0]);
        if (stored_.blocks > 1) Tiles::store<1>(stored_.sums->of[1]);
        if (stored_.blocks > 2) Tiles::store<2>(stored_.sums->of[2]);
        if (stored_.blocks > 3) Tiles::store<3>(stored_.sums->of[3]);
    }

    // Tokens [first, end) of the turn that waits.
    HEARTH_SIMD void finish(std::size_t first, std::size_t end) {
        if (end > group_.tokens) end = group_.tokens;
        if (waiting_.blocks == kStep)
            finish_blocks<kStep>(first, end);
        else if (waiting_.blocks != 0)
            finish_blocks<1>(first, end);
    }
    template <std::size_t N>
    HEARTH_SIMD void finish_blocks(std::size_t first, std::size_t end) {
        f32x16 d[N], m[N];
        for (std::size_t b = 0; b < N; ++b) {
            d[b] = waiting_.scales->d[b];
            if constexpr (kHasMin) m[b] = waiting_.scales->m[b];
        }
        for (std::size_t t = first; t < end; ++t) {
            const ActQ8x32* const x = input(waiting_.token + t, waiting_.block);
            f32x16 acc = group_.acc[waiting_.token + t];
            for (std::size_t b = 0; b < N; ++b) {
                const f32x16 scale = f32x16::splat(x[b].scale);
                acc = fma(mul(d[b], scale), to_f32(i32x16::load(waiting_.sums->of[b][t])), acc);
                if constexpr (kHasMin) acc = fma(mul(m[b], scale), to_f32(i32x16::splat(x[b].sum)), acc);
            }
            group_.acc[waiting_.token + t] = acc;
        }
    }

    // Apart from the room, whose address instructions take: these stay in registers.
    const TileGroup group_;
    Room& room_;
    std::size_t scales_ = 0;
    Turn stored_, waiting_;  // the turn before, in the tiles still, and the one before that
};

}  // namespace
}  // namespace hearth::amx
