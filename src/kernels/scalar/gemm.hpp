// The reference: what kernels.hpp states of each format, in plain loops over the 16 rows of a panel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/base/half.hpp"
#include "hearth/kernels/kernels.hpp"
#include "kernels/panels/layout.hpp"

namespace hearth::scalar {
namespace {

// run(panel, x, acc) adds the products of a row of activations x and the 16 rows of a panel to acc[16].
template <class Activation, class Run>
void for_outputs(const GemmArgs& a, Run run) {
    for (std::size_t row = 0; row < a.rows; row += kLanes) {
        const auto* const panel = static_cast<const std::uint8_t*>(a.panels) + row / kLanes * a.panel_bytes;
        for (std::size_t t = 0; t < a.tokens; ++t) {
            const auto* const x = static_cast<const std::byte*>(a.x) + t * a.x_stride;
            float acc[kLanes] = {};
            run(panel, reinterpret_cast<const Activation*>(x), acc);
            for (std::size_t r = 0; r < kLanes && row + r < a.rows; ++r) a.y[t * a.y_stride + row + r] = acc[r];
        }
    }
}

// [k][row] of a float type.
template <class Element, class ToFloat>
void float_gemm(const GemmArgs& a, ToFloat to_float) {
    for_outputs<float>(a, [&](const std::uint8_t* panel, const float* x, float(&acc)[kLanes]) {
        const auto* const w = reinterpret_cast<const Element*>(panel);
        for (std::size_t k = 0; k < a.k; ++k)
            for (std::size_t r = 0; r < kLanes; ++r) acc[r] = __builtin_fmaf(to_float(w[k * kLanes + r]), x[k], acc[r]);
    });
}

HEARTH_INLINE float half_at(const std::uint8_t* halves, std::size_t row) {
    return f16_to_f32(reinterpret_cast<const f16*>(halves)[row]);
}

// acc[row] = fma(d[row] * scale, float(sum[row]), acc[row]), or with the sign of d turned.
HEARTH_INLINE void add_block(const std::uint8_t* d, float scale, const std::int32_t (&sum)[kLanes],
                             float (&acc)[kLanes]) {
    for (std::size_t r = 0; r < kLanes; ++r)
        acc[r] = __builtin_fmaf(half_at(d, r) * scale, static_cast<float>(sum[r]), acc[r]);
}
HEARTH_INLINE void subtract_block(const std::uint8_t* d, float scale, const std::int32_t (&sum)[kLanes],
                                  float (&acc)[kLanes]) {
    for (std::size_t r = 0; r < kLanes; ++r)
        acc[r] = __builtin_fmaf(-(half_at(d, r) * scale), static_cast<float>(sum[r]), acc[r]);
}

// sum[row] += codes of [row][4] times x[4].
HEARTH_INLINE void add_unit(const std::uint8_t (&codes)[panel::kUnit], int offset, const std::int8_t* x,
                            std::int32_t (&sum)[kLanes]) {
    for (std::size_t r = 0; r < kLanes; ++r)
        for (std::size_t i = 0; i < 4; ++i) sum[r] += (codes[4 * r + i] - offset) * x[i];
}

// sum[row] += scale of sub-block j * dot[row], scales in [j / 2][row][2].
template <class Scale>
HEARTH_INLINE void add_scaled(const Scale* scales, std::size_t j, const std::int32_t (&dot)[kLanes],
                              std::int32_t (&sum)[kLanes]) {
    for (std::size_t r = 0; r < kLanes; ++r) sum[r] += scales[j / 2 * 2 * kLanes + 2 * r + j % 2] * dot[r];
}

// Formats of 32 nibbles: value(code) gives the integer of a code, scale(scales, row) the float of a row.
template <class Layout, class Value, class Scale>
void blocks_of_32_gemm(const GemmArgs& a, Value value, Scale scale) {
    const std::size_t blocks = a.k / Layout::kValues;
    for_outputs<ActQ8x32>(a, [&](const std::uint8_t* panel, const ActQ8x32* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < blocks; ++b) {
            const panel::BlockPlace at = Layout::place(b, blocks);
            for (std::size_t r = 0; r < kLanes; ++r) {
                std::int32_t sum = 0;
                for (std::size_t k = 0; k < 32; ++k) {
                    const std::uint8_t* const unit = panel + at.block + Layout::kNibbles + k / 4 % 4 * panel::kUnit;
                    unsigned code = unit[4 * r + k % 4] >> 4 * (k / 16) & 15;
                    if constexpr (Layout::kNibbles != 0) code |= (panel[at.block + 4 * r + k % 4] >> k / 4 & 1) << 4;
                    sum += value(code) * x[b].q[k];
                }
                acc[r] = __builtin_fmaf(scale(panel + at.d, r) * x[b].scale, static_cast<float>(sum), acc[r]);
                if constexpr (requires { Layout::kM; })
                    acc[r] = __builtin_fmaf(half_at(panel + at.d + Layout::kM, r) * x[b].scale,
                                            static_cast<float>(x[b].sum), acc[r]);
            }
        }
    });
}

// Q4_K and Q5_K: code(block, j, g, place) gives the code at `place` of the unit of k = 32 j + 4 g to + 3.
template <class Layout, class Code>
void k_affine_gemm(const GemmArgs& a, Code code) {
    for_outputs<ActQ8x256>(a, [&](const std::uint8_t* panel, const ActQ8x256* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < a.k / Layout::kValues; ++b) {
            const std::uint8_t* const block = panel + b * Layout::kBytes;
            std::int32_t sum[kLanes] = {}, min_sum[kLanes] = {};
            for (std::size_t j = 0; j < 8; ++j) {
                std::int32_t dot[kLanes] = {}, x_sum[kLanes];
                for (std::size_t g = 0; g < 8; ++g) {
                    std::uint8_t codes[panel::kUnit];
                    for (std::size_t i = 0; i < panel::kUnit; ++i) codes[i] = code(block, j, g, i);
                    add_unit(codes, 0, x[b].q + 32 * j + 4 * g, dot);
                }
                for (std::int32_t& s : x_sum) s = x[b].sum32[j];
                add_scaled(block + Layout::kScales, j, dot, sum);
                add_scaled(block + Layout::kMins, j, x_sum, min_sum);
            }
            add_block(block + Layout::kD, x[b].scale, sum, acc);
            subtract_block(block + Layout::kDmin, x[b].scale, min_sum, acc);
        }
    });
}

}  // namespace
}  // namespace hearth::scalar
