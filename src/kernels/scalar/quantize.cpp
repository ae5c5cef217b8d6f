// Activations to int8 blocks, as kernels.hpp states it, in plain C++.
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"

namespace hearth::scalar {
namespace {

#include "kernels/portable/quantize_constants.inl"

// Codes of n values; returns the scale.
float encode(const float* x, std::size_t n, std::int8_t* q) {
    std::uint32_t top = 0;  // of |x| as bits: ordered like the values, infinity and NaN above all
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
        top = magnitude > top ? magnitude : top;
    }
    if (top >= kNotFinite || top <= kTooSmall) {
        for (std::size_t i = 0; i < n; ++i) q[i] = 0;
        return top <= kTooSmall ? 0.0f : std::bit_cast<float>(kBadScale);
    }
    const float amax = std::bit_cast<float>(top);
    const float inv = 127.0f / amax;
    // |x inv| < 127.5: both roundings together move it by less than 2^-22 of itself. So the codes need no clamp.
    for (std::size_t i = 0; i < n; ++i) {
        const float rounded = (x[i] * inv + 0x1.8p23f) - 0x1.8p23f;  // to an integer, ties to even
        q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(rounded));
    }
    return amax / 127.0f;
}

std::int32_t sum(const std::int8_t* q, std::size_t n) {
    std::int32_t s = 0;
    for (std::size_t i = 0; i < n; ++i) s += q[i];
    return s;
}

}  // namespace

void quantize_q8_32(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x32*>(blocks);
    for (std::size_t i = 0; i < k; i += 32, ++block) {
        block->scale = encode(x + i, 32, block->q);
        block->sum = sum(block->q, 32);
    }
}

void quantize_q8_256(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x256*>(blocks);
    for (std::size_t i = 0; i < k; i += 256, ++block) {
        block->scale = encode(x + i, 256, block->q);
        for (std::size_t j = 0; j < 8; ++j) block->sum32[j] = static_cast<std::int16_t>(sum(block->q + 32 * j, 32));
        for (std::size_t j = 0; j < 16; ++j) block->sum16[j] = static_cast<std::int16_t>(sum(block->q + 16 * j, 16));
    }
}

}  // namespace hearth::scalar
