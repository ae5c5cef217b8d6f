// Activations to int8 blocks on the 16-lane machine. Include it after the simd.hpp of the instruction set.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

#include "kernels/portable/quantize_constants.inl"

struct Scaling {
    float scale, inv;  // inv 0: all codes are 0
};

// From the largest |x| of each lane, as bits.
HEARTH_SIMD Scaling scaling(i32x16 tops) {
    const auto top = static_cast<std::uint32_t>(fold_max(tops));
    if (top <= kTooSmall) return {0.0f, 0.0f};
    if (top >= kNotFinite) return {std::bit_cast<float>(kBadScale), 0.0f};
    const float amax = std::bit_cast<float>(top);
    return {amax / 127.0f, 127.0f / amax};
}

// 16 codes to q; returns them. Beyond the ends of the range they cannot come: see scalar/quantize.cpp.
HEARTH_SIMD i32x16 encode16(const float* x, float inv, std::int8_t* q) {
    const i32x16 codes = inv == 0.0f ? i32x16::zero() : to_i32(mul(f32x16::load(x), f32x16::splat(inv)));
    store_s8(q, codes);
    return codes;
}

}  // namespace

void quantize_q8_32(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x32*>(blocks);
    for (std::size_t i = 0; i < k; i += 32, ++block) {
        const Scaling s = scaling(max(bits(abs(f32x16::load(x + i))), bits(abs(f32x16::load(x + i + 16)))));
        const i32x16 lo = encode16(x + i, s.inv, block->q), hi = encode16(x + i + 16, s.inv, block->q + 16);
        block->scale = s.scale;
        block->sum = fold_add(add(lo, hi));
    }
}

void quantize_q8_256(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x256*>(blocks);
    for (std::size_t i = 0; i < k; i += 256, ++block) {
        i32x16 tops = bits(abs(f32x16::load(x + i)));
        for (std::size_t j = 16; j < 256; j += 16) tops = max(tops, bits(abs(f32x16::load(x + i + j))));
        const Scaling s = scaling(tops);
        block->scale = s.scale;
        for (std::size_t j = 0; j < 16; ++j)
            block->sum16[j] = static_cast<std::int16_t>(fold_add(encode16(x + i + 16 * j, s.inv, block->q + 16 * j)));
        for (std::size_t j = 0; j < 8; ++j)
            block->sum32[j] = static_cast<std::int16_t>(block->sum16[2 * j] + block->sum16[2 * j + 1]);
    }
}

}  // namespace hearth::HEARTH_SIMD_ISA
