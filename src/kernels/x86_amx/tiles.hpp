// The tile instructions, and how a product is cut for them: groups of tokens whose sums stay in the L1 cache, parts of
// k whose activations stay in the L2 cache while several panels meet them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/panels/layout.hpp"
#include "kernels/x86_amx/simd.hpp"

namespace hearth::amx {
namespace {

constexpr std::size_t kTileTokens = 16;                       // rows of an A tile
constexpr std::size_t kTokens = 256;                          // of a group: their sums take 16 KiB
constexpr std::size_t kPartBytes = std::size_t{1024} * 1024;  // activations of a part: half of the L2 cache

// Tiles by number: 0 to 3 sums, 4 and 5 activations, 6 and 7 weights.
struct alignas(64) TileConfig {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {};
    std::uint8_t rows[16] = {};
};

// Assembly, for GCC 12's intrinsics do not say what they read and write: stores into the configuration and into the
// operands could move past them.
class Tiles {
public:
    // Products of `tokens` (at most 16) and `k` (at most 64, a multiple of 4).
    HEARTH_SIMD Tiles(std::size_t tokens, std::size_t k) {
        for (std::size_t i = 0; i < 8; ++i) {
            config_.bytes[i] = static_cast<std::uint16_t>(i == 4 || i == 5 ? k : panel::kUnit);
            config_.rows[i] = static_cast<std::uint8_t>(i < 6 ? tokens : k / 4);
        }
        asm volatile("ldtilecfg %0" ::"m"(config_));
    }
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

// 16 rows and a group of tokens.
struct TileGroup {
    const std::uint8_t* panel;
    std::size_t blocks;  // of the whole panel
    const std::byte* x;  // of the group's first token
    std::size_t x_stride;
    std::size_t tokens;  // a multiple of kTileTokens, or fewer than that
    f32x16* acc;         // [tokens]
};

// Tokens [first, end): whole tiles, or one that has fewer tokens. A Product has
//   using Activation, Layout; static constexpr std::size_t kTileK, kStep (blocks that it takes at a time), kFewest
//   (tokens for which it is worth unpacking weights);
//   static void run(const TileGroup&, std::size_t begin, std::size_t end): blocks [begin, end) added to acc.
template <class Product>
void multiply_tiles(const GemmArgs& a, std::size_t first, std::size_t end) {
    const Tiles tiles(end - first < kTileTokens ? end - first : kTileTokens, Product::kTileK);
    const std::size_t blocks = a.k / Product::Layout::kValues;
    for (; first < end; first += kTokens) {
        f32x16 acc[kTokens];
        TileGroup group{nullptr, blocks, static_cast<const std::byte*>(a.x) + first * a.x_stride, a.x_stride, 0, acc};
        group.tokens = end - first < kTokens ? end - first : kTokens;
        // One panel reads its activations once, wherever they are.
        const std::size_t bytes = a.rows <= kLanes ? 0 : blocks * group.tokens * sizeof(typename Product::Activation);
        const std::size_t parts = bytes / kPartBytes + 1;
        const std::size_t steps = (blocks / Product::kStep + parts - 1) / parts;
        const std::size_t part = parts == 1 || steps == 0 ? blocks : steps * Product::kStep;
        std::size_t begin = 0;
        do {
            const std::size_t stop = blocks - begin < part ? blocks : begin + part;
            for (std::size_t row = 0; row < a.rows; row += kLanes) {
                group.panel = static_cast<const std::uint8_t*>(a.panels) + row / kLanes * a.panel_bytes;
                const std::size_t rows = a.rows - row < kLanes ? a.rows - row : kLanes;
                float* const y = a.y + first * a.y_stride + row;
                for (std::size_t t = 0; t < group.tokens; ++t)
                    acc[t] = begin == 0       ? f32x16::zero()
                             : rows == kLanes ? f32x16::load(y + t * a.y_stride)
                                              : f32x16::load_n(y + t * a.y_stride, rows);
                Product::run(group, begin, stop);
                for (std::size_t t = 0; t < group.tokens; ++t) {
                    if (rows == kLanes)
                        store(y + t * a.y_stride, acc[t]);
                    else
                        store_n(y + t * a.y_stride, acc[t], rows);
                }
            }
            begin = stop;
        } while (begin < blocks);
    }
}

// `few` multiplies what would not fill tiles well; its bits are the same.
template <class Product>
void tile_gemm(const GemmArgs& a, GemmFn few) {
    std::size_t done = a.tokens / kTileTokens * kTileTokens;
    if (done != 0) multiply_tiles<Product>(a, 0, done);
    if (a.tokens - done >= Product::kFewest) {
        multiply_tiles<Product>(a, done, a.tokens);
        return;
    }
    if (a.tokens == done) return;
    GemmArgs rest = a;
    rest.x = static_cast<const std::byte*>(a.x) + done * a.x_stride;
    rest.y = a.y + done * a.y_stride;
    rest.tokens = a.tokens - done;
    few(rest);
}

}  // namespace
}  // namespace hearth::amx
