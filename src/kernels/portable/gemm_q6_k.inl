// GEMM with Q6_K panels. The codes stay unsigned; their offset of 32 comes off through the sums of the activations.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct FormatQ6_K {
    using Activation = ActQ8x256;
    using Layout = panel::Q6_K;
    static constexpr std::size_t kValues = Layout::kValues;
    static constexpr std::size_t kSteps = small_dot_steps<63> < 4 ? small_dot_steps<63> : 4;

    // k = 128 H + 32 S + 4 g to + 3
    template <int H, int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        const u8x64 low =
            bits_down<4 * (S / 2), 15>(u8x64::load(block + Layout::kLow + (16 * H + 8 * (S % 2) + g) * panel::kUnit));
        return or_(low, move_bits<4 - 2 * S, 48>(u8x64::load(block + Layout::kHigh + (8 * H + g) * panel::kUnit)));
    }

    // sum += scale * dot products of the sub-block of 16 in groups [first, first + 4) of 32.
    template <int H, int S, std::size_t T>
    HEARTH_SIMD static void sub_block(const std::uint8_t* block, std::size_t first, small_scale scale,
                                      const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        for (std::size_t start = first; start < first + 4; start += kSteps) {
            small_dot dot[T];
            for (std::size_t t = 0; t < T; ++t) dot[t] = small_dot::zero();
            for (std::size_t g = start; g < start + kSteps; ++g) {
                const u8x64 w = codes<H, S>(block, g);
                for (std::size_t t = 0; t < T; ++t) dot[t] = step(dot[t], w, x[t]->q + 128 * H + 32 * S + 4 * g);
            }
            for (std::size_t t = 0; t < T; ++t) sum[t] = add_scaled_dot(sum[t], scale, dot[t]);
        }
    }

    template <int H, int S, std::size_t T>
    HEARTH_SIMD static void pair(const std::uint8_t* block, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        const i16x32 scales = i16x32::load_s8(
            reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * static_cast<std::size_t>(4 * H + S)));
        sub_block<H, S, T>(block, 0, even(scales), x, sum);
        sub_block<H, S, T>(block, 4, odd(scales), x, sum);
    }

    template <int H, std::size_t T>
    HEARTH_SIMD static void half(const std::uint8_t* block, const ActQ8x256* const (&x)[T], i32x16 (&sum)[T]) {
        pair<H, 0, T>(block, x, sum);
        pair<H, 1, T>(block, x, sum);
        pair<H, 2, T>(block, x, sum);
        pair<H, 3, T>(block, x, sum);
    }

    template <std::size_t T>
    HEARTH_SIMD static void block(const std::uint8_t* panel, std::size_t blocks, std::size_t b,
                                  const ActQ8x256* const (&x)[T], f32x16 (&acc)[T]) {
        const std::uint8_t* const block = panel + b * Layout::kBlock;
        prefetch_weights<T>(block, Layout::kBlock);
        i32x16 sum[T];
        for (std::size_t t = 0; t < T; ++t) sum[t] = i32x16::zero();
        for (std::size_t p = 0; p < 8; ++p) {
            const i16x32 scales =
                i16x32::load_s8(reinterpret_cast<const std::int8_t*>(block + Layout::kScales + 32 * p));
            for (std::size_t t = 0; t < T; ++t) sum[t] = madd16(sum[t], scales, x[t]->sum16 + 2 * p);
        }
        for (std::size_t t = 0; t < T; ++t) sum[t] = sub(i32x16::zero(), shl<5>(sum[t]));
        half<0, T>(block, x, sum);
        half<1, T>(block, x, sum);
        const f32x16 d = load_halves(panel + blocks * Layout::kBlock + b * Layout::kD);
        for (std::size_t t = 0; t < T; ++t) acc[t] = fma(mul(d, f32x16::splat(x[t]->scale)), to_f32(sum[t]), acc[t]);
    }
};

}  // namespace

void gemm_q6_k(const GemmArgs& a) { block_gemm<FormatQ6_K>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
