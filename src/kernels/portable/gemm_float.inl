// y = W x for weights of a float format over the 16-lane machine: one fma per weight in ascending k. A lone chain of
// fma waits for itself, so several panels and tokens go side by side. k is walked in pieces whose weights stay in the
// second-level cache over all tokens; between pieces the sums rest in y, which changes no bit.
#include <cstddef>
#include <cstdint>

#include "hearth/kernels/kernels.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct LoadF32 {
    using Element = float;
    HEARTH_SIMD static f32x16 load(const float* p) { return f32x16::load(p); }
};
struct LoadF16 {
    using Element = std::uint16_t;
    HEARTH_SIMD static f32x16 load(const std::uint16_t* p) { return f32x16::load_f16(p); }
};
struct LoadBF16 {
    using Element = std::uint16_t;
    HEARTH_SIMD static f32x16 load(const std::uint16_t* p) { return f32x16::load_bf16(p); }
};

constexpr std::size_t kFloatPiece = 1024;   // k per piece
constexpr std::size_t kPanelsTogether = 4;  // panels that share the second-level cache

// T tokens x P panels over k in [first, last).
template <class Format, std::size_t T, std::size_t P>
void float_tile(const GemmArgs& a, std::size_t panel, std::size_t token, std::size_t first, std::size_t last) {
    using Element = typename Format::Element;
    const Element* w[P];
    const float* x[T];
    f32x16 acc[P][T];
    for (std::size_t p = 0; p < P; ++p)
        w[p] = reinterpret_cast<const Element*>(static_cast<const std::byte*>(a.panels) + (panel + p) * a.panel_bytes);
    for (std::size_t t = 0; t < T; ++t)
        x[t] = reinterpret_cast<const float*>(static_cast<const std::byte*>(a.x) + (token + t) * a.x_stride);
    for (std::size_t p = 0; p < P; ++p) {
        const std::size_t row = (panel + p) * kLanes, rows = a.rows - row;
        for (std::size_t t = 0; t < T; ++t) {
            const float* const y = a.y + (token + t) * a.y_stride + row;
            acc[p][t] = first == 0 ? f32x16::zero() : rows < kLanes ? f32x16::load_n(y, rows) : f32x16::load(y);
        }
    }
    for (std::size_t k = first; k < last; ++k) {
        f32x16 wk[P];
        for (std::size_t p = 0; p < P; ++p) wk[p] = Format::load(w[p] + k * kLanes);
        for (std::size_t t = 0; t < T; ++t) {
            const f32x16 xk = f32x16::splat(x[t][k]);
            for (std::size_t p = 0; p < P; ++p) acc[p][t] = fma(wk[p], xk, acc[p][t]);
        }
    }
    for (std::size_t p = 0; p < P; ++p) {
        const std::size_t row = (panel + p) * kLanes, rows = a.rows - row;
        for (std::size_t t = 0; t < T; ++t) {
            float* const y = a.y + (token + t) * a.y_stride + row;
            if (rows < kLanes)
                store_n(y, acc[p][t], rows);
            else
                store(y, acc[p][t]);
        }
    }
}

// The panels [panel, panel_end) for T tokens, as many side by side as there are registers for.
template <class Format, std::size_t T>
void float_panels(const GemmArgs& a, std::size_t panel, std::size_t panel_end, std::size_t token, std::size_t first,
                  std::size_t last) {
    constexpr std::size_t P = kFloatSums / T < kPanelsTogether ? kFloatSums / T : kPanelsTogether;
    for (; panel_end - panel >= P; panel += P) float_tile<Format, T, P>(a, panel, token, first, last);
    if constexpr (P > 1)
        for (; panel < panel_end; ++panel) float_tile<Format, T, 1>(a, panel, token, first, last);
}

template <class Format>
void float_gemm(const GemmArgs& a) {
    const std::size_t panels = (a.rows + kLanes - 1) / kLanes;
    for (std::size_t panel = 0; panel < panels; panel += kPanelsTogether) {
        const std::size_t end = panel + kPanelsTogether < panels ? panel + kPanelsTogether : panels;
        // A single token meets every weight once: nothing to keep.
        const std::size_t piece = a.tokens == 1 || a.k < kFloatPiece ? (a.k == 0 ? 1 : a.k) : kFloatPiece;
        std::size_t first = 0;
        do {
            const std::size_t last = first + piece < a.k ? first + piece : a.k;
            std::size_t t = 0;
            for (; a.tokens - t >= kFloatTokens; t += kFloatTokens)
                float_panels<Format, kFloatTokens>(a, panel, end, t, first, last);
            if (a.tokens - t >= 4) {
                float_panels<Format, 4>(a, panel, end, t, first, last);
                t += 4;
            }
            if (a.tokens - t >= 2) {
                float_panels<Format, 2>(a, panel, end, t, first, last);
                t += 2;
            }
            for (; t < a.tokens; ++t) float_panels<Format, 1>(a, panel, end, t, first, last);
            first = last;
        } while (first < a.k);
    }
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
