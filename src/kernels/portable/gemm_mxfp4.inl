// GEMM with MXFP4 panels. The doubled values of FP4, -12 to 12, are shifted to be unsigned.
#include "hearth/codecs/blocks.hpp"
#include "kernels/portable/gemm_small_codes.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

struct CodesMXFP4 {
    using Layout = panel::MXFP4;
    static constexpr int kTop = 24, kOffset = 12;
    static constexpr std::uint8_t kTable[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    static_assert([] {
        for (int i = 0; i < 16; ++i)
            if (kTable[i] != fp4_values[i] + kOffset) return false;
        return true;
    }());
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_e8m0_half(scales); }
    template <int G>
    HEARTH_SIMD static u8x64 codes(u8x64 nibbles, const std::uint8_t*) {
        return lookup(kTable, bits_down<4 * (G / 4), 15>(nibbles));
    }
};

}  // namespace

void gemm_mxfp4(const GemmArgs& a) { block_gemm<SmallCodes<CodesMXFP4>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
