// Activations to int8 blocks, as kernels.hpp states it, in plain C++.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"
#include "kernels/scalar/quantize_row.hpp"

namespace hearth::scalar {
namespace {

// Codes of n values; returns the scale.
float encode(const float* x, std::size_t n, std::int8_t* q) {
    const Scaling s = scaling(x, n);
    for (std::size_t i = 0; i < n; ++i) q[i] = static_cast<std::int8_t>(code(x[i], s.inv));
    return s.scale;
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
        block->begin8 = -8 * block->sum;
        block->begin128 = -128 * block->sum;
    }
}

void quantize_q8_256(const float* x, std::size_t k, void* blocks) {
    auto* block = static_cast<ActQ8x256*>(blocks);
    for (std::size_t i = 0; i < k; i += 256, ++block) {
        block->scale = encode(x + i, 256, block->q);
        for (std::size_t j = 0; j < 8; ++j) block->sum32[j] = static_cast<std::int16_t>(sum(block->q + 32 * j, 32));
        for (std::size_t j = 0; j < 16; ++j) block->sum16[j] = static_cast<std::int16_t>(sum(block->q + 16 * j, 16));
        block->calm = 1;
        for (std::size_t j = 0; j < 16; ++j) {
            block->begin16[j] = static_cast<std::int16_t>(static_cast<std::uint16_t>(-32 * block->sum16[j]));
            std::int32_t size = 0;
            for (std::size_t c = 0; c < 16; ++c)
                size += block->q[16 * j + c] < 0 ? -block->q[16 * j + c] : block->q[16 * j + c];
            if (size > kCalmSum) block->calm = 0;
        }
    }
}

float quantize_q8_row(const float* x, std::size_t n, std::uint8_t offset, std::size_t stride, std::uint8_t* q) {
    const Scaling s = scaling(x, n);
    for (std::size_t c = 0; c < n; ++c)
        q[c / 4 * stride + c % 4] = static_cast<std::uint8_t>(code(x[c], s.inv) + offset);
    return s.scale;
}

}  // namespace hearth::scalar
