// Q6_K: 256 values d * scale * (q - 32) in 16 sub-blocks of 16, scales int8, q of 6 bits. Value 128 h + 32 s + l: low
// bits in nibble s / 2 of ql[64 h + 32 (s % 2) + l], upper two at bit 2 s of qh[32 h + l].
//
// Encoding minimises the sum of squared errors, every value counted alike (k_affine.cpp says why): each sub-block alone
// gets the best of several step widths; d puts the largest at -128; for each sub-block the int8 scales near the ideal
// one are tried, each with its own codes; d follows by regression over all 256 values, and the scales once more.
#include <algorithm>
#include <cmath>

#include "codecs/codec_functions.hpp"
#include "codecs/rounding.hpp"

namespace hearth::codecs {
namespace {

constexpr int kSubs = 16;
constexpr int kLength = 16;

// Squared error of a sub-block under a step: eight partial sums in a fixed order, which a compiler can keep in vectors.
float step_error(const float* x, float step) {
    const float inverse_step = inverse(step);
    float e[8] = {};
    for (int i = 0; i < kLength; i += 8) {
        for (int l = 0; l < 8; ++l) {
            const float rest = x[i + l] - step * nearest_code(x[i + l] * inverse_step, -32.0f, 31.0f);
            e[l] += rest * rest;
        }
    }
    return ((e[0] + e[4]) + (e[2] + e[6])) + ((e[1] + e[5]) + (e[3] + e[7]));
}

// A negative step gives the positive side the code -32.
float ideal_step(const float* x) {
    float extreme = 0;
    for (int i = 0; i < kLength; ++i) {
        if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
    }
    float best = 0;
    float best_error = -1;
    for (int widening = -1; widening <= 4; ++widening) {
        const float step = extreme / (0.5f * static_cast<float>(widening) - 32.0f);
        const float error = step_error(x, step);
        if (best_error < 0 || error < best_error) {
            best = step;
            best_error = error;
        }
    }
    return best;
}

struct Choice {
    f16 d;
    std::int8_t scales[kSubs];
    std::int8_t codes[kSubs * kLength];
    float error;
};

Choice choose(const float* x, const float* ideal, f16 d_half) {
    Choice choice{d_half, {}, {}, 0.0f};
    const float d = f16_to_f32(d_half);
    const float inverse_d = inverse(d);
    for (int j = 0; j < kSubs; ++j) {
        const float scale0 = nearest_code(ideal[j] * inverse_d, -128.0f, 127.0f);
        float best_step = 0;
        float best_error = -1;
        for (float scale = std::max(scale0 - 6, -128.0f); scale <= std::min(scale0 + 6, 127.0f); ++scale) {
            const float error = step_error(x + kLength * j, d * scale);
            if (best_error < 0 || error < best_error) {
                best_step = d * scale;
                best_error = error;
                choice.scales[j] = static_cast<std::int8_t>(scale);
            }
        }
        choice.error += best_error;
        const float inverse_step = inverse(best_step);
        for (int l = kLength * j; l < kLength * (j + 1); ++l) {
            choice.codes[l] = static_cast<std::int8_t>(nearest_code(x[l] * inverse_step, -32.0f, 31.0f));
        }
    }
    return choice;
}

// d of least squares for given scales and codes.
f16 refit(const float* x, const Choice& choice) {
    float aa = 0, ax = 0;
    for (int i = 0; i < kSubs * kLength; ++i) {
        const float a = static_cast<float>(choice.scales[i / kLength] * choice.codes[i]);
        aa += a * a;
        ax += a * x[i];
    }
    return aa > 0 ? finite_half(ax / aa) : choice.d;
}

Choice fit(const float* values) {
    float x[kSubs * kLength];
    for (int i = 0; i < kSubs * kLength; ++i) x[i] = clip_to_halves(values[i]);
    float ideal[kSubs];
    float largest = 0;
    for (int j = 0; j < kSubs; ++j) {
        ideal[j] = ideal_step(x + kLength * j);
        if (std::fabs(ideal[j]) > std::fabs(largest)) largest = ideal[j];
    }
    f16 d = finite_half(largest / -128.0f);
    if (coarse_half(d) && std::fabs(largest) > 128.5f * std::fabs(f16_to_f32(d))) ++d;
    const Choice best = choose(x, ideal, d);
    const Choice next = choose(x, ideal, refit(x, best));
    return next.error < best.error ? next : best;
}

}  // namespace

void decode_Q6_K(const std::byte* blocks, std::size_t count, float* values) {
    decode_blocks<codec_id::Q6_K, BlockQ6_K>(blocks, count, values, [](const BlockQ6_K& block, float* y) {
        const float d = f16_to_f32(block.d);
        for (int j = 0; j < kSubs; ++j) {
            const int half = j / 8;
            const int s = j % 8 / 2;
            const float scale = d * static_cast<float>(block.scales[j]);
            const std::uint8_t* ql = block.ql + 64 * half + 32 * (s % 2) + 16 * (j % 2);
            const std::uint8_t* qh = block.qh + 32 * half + 16 * (j % 2);
            for (int l = 0; l < kLength; ++l) {
                const int q = ((ql[l] >> 4 * (s / 2)) & 15) | ((qh[l] >> 2 * s) & 3) << 4;
                y[kLength * j + l] = scale * static_cast<float>(q - 32);
            }
        }
    });
}

void encode_Q6_K(const float* values, std::size_t count, std::byte* blocks) {
    encode_blocks<codec_id::Q6_K, BlockQ6_K>(values, count, blocks, [](const float* x, BlockQ6_K& block) {
        const Choice best = fit(x);
        block.d = best.d;
        std::memcpy(block.scales, best.scales, sizeof block.scales);
        for (int i = 0; i < 256; ++i) {
            const int half = i / 128;
            const int s = i % 128 / 32;
            const int l = i % 32;
            const unsigned q = static_cast<unsigned>(best.codes[i] + 32);
            block.ql[64 * half + 32 * (s % 2) + l] |= static_cast<std::uint8_t>((q & 15) << 4 * (s / 2));
            block.qh[32 * half + l] |= static_cast<std::uint8_t>(q >> 4 << 2 * s);
        }
    });
}

}  // namespace hearth::codecs
