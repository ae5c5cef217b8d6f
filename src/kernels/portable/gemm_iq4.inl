// What IQ4_NL and IQ4_XS share: nibbles that choose from a table of signed bytes.
#include "hearth/codecs/blocks.hpp"
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// 32 values at `units` times x[t][32], added to dot: part `part` of `Parts` of a block of `Bytes`.
template <std::size_t Bytes, std::size_t Parts, std::size_t T>
HEARTH_SIMD void add_iq4(const std::uint8_t* units, const std::uint8_t* ahead, std::size_t part,
                         const std::int8_t* const (&x)[T], i32x16 (&dot)[T]) {
    for (std::size_t g = 0; g < 4; ++g) {
        fetch<Bytes, 4 * Parts>(ahead, 4 * part + g);
        const u8x64 w = u8x64::load(units + g * panel::kUnit);
        const s8x64 low = lookup(iq4_values, bits_down<0, 15>(w)), high = lookup(iq4_values, bits_down<4, 15>(w));
        for (std::size_t t = 0; t < T; ++t) {
            dot[t] = dot4(dot[t], low, x[t] + 4 * g);
            dot[t] = dot4(dot[t], high, x[t] + 16 + 4 * g);
        }
    }
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
