// The codes of K-quant panels, 16 rows x 4 consecutive k at a time, unsigned.
#include <cstddef>
#include <cstdint>

#include "kernels/panels/layout.hpp"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// codes<S>(block, g): k = 32 S + 4 g to + 3. kTop: the largest code; kTogether: sub-blocks whose units stand together.
struct CodesQ4_K {
    using Layout = panel::Q4_K;
    static constexpr int kTop = 15, kTogether = 2;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        return bits_down<4 * (S % 2), 15>(u8x64::load(block + Layout::kQuants + (S / 2 * 8 + g) * panel::kUnit));
    }
};

struct CodesQ5_K {
    using Layout = panel::Q5_K;
    static constexpr int kTop = 31, kTogether = 8;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        const std::uint8_t* const units = block + Layout::kUnits + 5 * g * panel::kUnit;
        const u8x64 low = bits_down<4 * (S % 2), 15>(u8x64::load(units + (1 + S / 2) * panel::kUnit));
        return or_(low, move_bits<4 - S, 16>(u8x64::load(units)));
    }
};

// Offset by 32. S = 4 H + Q: k = 128 H + 32 Q + 4 g.
struct CodesQ6_K {
    using Layout = panel::Q6_K;
    static constexpr int kTop = 63;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        constexpr int Q = S % 4;
        const std::uint8_t* const units = block + Layout::kUnits + (24 * (S / 4) + 3 * g) * panel::kUnit;
        const u8x64 low = bits_down<4 * (Q / 2), 15>(u8x64::load(units + (1 + Q % 2) * panel::kUnit));
        return or_(low, move_bits<4 - 2 * Q, 48>(u8x64::load(units)));
    }
};

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
