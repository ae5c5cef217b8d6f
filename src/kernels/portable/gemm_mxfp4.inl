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
    // The bits of 2^(e - 128): those of a normal float, larger than the others from e = 2 on, and those of a subnormal.
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) {
        const i32x16 e = i32x16::load_u8(scales), one = i32x16::splat(1);
        return from_bits(max(shl<23>(sub(e, one)), shl<21>(add(e, one))));
    }
    template <int G>
    HEARTH_SIMD static u8x64 codes(u8x64 nibbles, const std::uint8_t*) {
        return lookup(kTable, bits_down<4 * (G / 4), 15>(nibbles));
    }
};

}  // namespace

void gemm_mxfp4(const GemmArgs& a) { block_gemm<SmallCodes<CodesMXFP4>>(a); }

}  // namespace hearth::HEARTH_SIMD_ISA
