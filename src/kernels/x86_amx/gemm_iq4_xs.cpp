#include "hearth/codecs/blocks.hpp"
#include "kernels/x86_amx/super_blocks.hpp"

namespace hearth {
namespace avx512 {
void gemm_iq4_xs(const GemmArgs&);
}

namespace amx {
namespace {

struct ValuesIQ4_XS {
    using Layout = panel::IQ4_XS;
    static constexpr int kOffset = 7;
    template <int S>
    HEARTH_SIMD static u8x64 codes(const std::uint8_t* block, std::size_t g) {
        const u8x64 nibbles = u8x64::load(block + Layout::kUnits + (4 * S + g % 4) * panel::kUnit);
        return {lookup(iq4_values, g < 4 ? bits_down<0, 15>(nibbles) : bits_down<4, 15>(nibbles)).v};
    }
    template <int S, int>
    HEARTH_SIMD static __m512i scales(const std::uint8_t* block) {
        const auto* const scales = reinterpret_cast<const std::int8_t*>(block + Layout::kScales + S * panel::kRows);
        const __m512i v = i32x16::load_s8(scales).v;
        return _mm512_mask_mov_epi16(v, 0xaaaaaaaaU, _mm512_slli_epi32(v, 16));
    }
};

}  // namespace

void gemm_iq4_xs(const GemmArgs& a) { tile_gemm<SuperBlocks<Signed<ValuesIQ4_XS>>>(a, avx512::gemm_iq4_xs); }

}  // namespace amx
}  // namespace hearth
