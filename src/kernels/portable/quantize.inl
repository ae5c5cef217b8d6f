// Activations to int8 blocks on the 16-lane machine. Include it after the simd.hpp of the instruction set.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/portable/quantize_row.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// 16 codes to q; returns them.
HEARTH_SIMD i32x16 encode16(const float* x, float inv, std::int8_t* q) {
    const i32x16 c = codes(f32x16::load(x), inv);
    store_s8(q, c);
    return c;
}

struct Sums {
    std::int32_t sum, size;  // of codes, of |codes|
};
// Both at once: sizes in the upper halves.
HEARTH_SIMD Sums sums_of(i32x16 c) {
    const std::int32_t both = fold_add(add(c, shl<16>(max(c, sub(i32x16::zero(), c)))));
    const std::int32_t sum = static_cast<std::int16_t>(both);
    return {sum, (both - sum) >> 16};
}

}  // namespace

void quantize_q8_32(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x32*>(blocks);
    for (std::size_t i = 0; i < k; i += 32, ++block) {
        const Scaling s = scaling(max(bits(abs(f32x16::load(x + i))), bits(abs(f32x16::load(x + i + 16)))));
        const i32x16 lo = encode16(x + i, s.inv, block->q), hi = encode16(x + i + 16, s.inv, block->q + 16);
        block->scale = s.scale;
        block->sum = fold_add(add(lo, hi));
        block->begin8 = -8 * block->sum;
        block->begin128 = -128 * block->sum;
    }
}

void quantize_q8_256(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x256*>(blocks);
    for (std::size_t i = 0; i < k; i += 256, ++block) {
        i32x16 tops = bits(abs(f32x16::load(x + i)));
        for (std::size_t j = 16; j < 256; j += 16) tops = max(tops, bits(abs(f32x16::load(x + i + j))));
        const Scaling s = scaling(tops);
        block->scale = s.scale;
        std::int32_t largest = 0;
        for (std::size_t j = 0; j < 16; ++j) {
            const auto [sum, size] = sums_of(encode16(x + i + 16 * j, s.inv, block->q + 16 * j));
            block->sum16[j] = static_cast<std::int16_t>(sum);
            block->begin16[j] = static_cast<std::int16_t>(static_cast<std::uint16_t>(-32 * sum));
            largest = size > largest ? size : largest;
        }
        block->calm = largest <= kCalmSum;
        for (std::size_t j = 0; j < 8; ++j)
            block->sum32[j] = static_cast<std::int16_t>(block->sum16[2 * j] + block->sum16[2 * j + 1]);
    }
}

float quantize_q8_row(const float* x, std::size_t n, std::uint8_t offset, std::size_t stride, std::uint8_t* q) {
    const Scaling s = scaling(x, n);
    for (std::size_t c = 0; c < n; c += 16) {
        std::int8_t bytes[16];
        store_s8(bytes, add(codes(load_up_to_16(x + c, n - c), s.inv), i32x16::splat(offset)));
        const std::size_t end = n - c < 16 ? n - c : 16;
        std::size_t i = 0;
        for (; i + 4 <= end; i += 4, q += stride) __builtin_memcpy(q, bytes + i, 4);
        for (std::size_t j = 0; i + j < end; ++j) q[j] = static_cast<std::uint8_t>(bytes[i + j]);
    }
    return s.scale;
}

}  // namespace hearth::HEARTH_SIMD_ISA
