#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_q8_0(const GemmArgs&);
}

namespace amx {
namespace {

struct CodesQ8_0 {
    using Layout = panel::Q8_0;
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_halves(scales); }
    template <int G>
    HEARTH_SIMD static __m512i unit(const std::uint8_t* block) {
        return _mm512_xor_si512(u8x64::load(block + G * panel::kUnit).v, _mm512_set1_epi8(static_cast<char>(0x80)));
    }
};

}  // namespace

void gemm_q8_0(const GemmArgs& a) { tile_gemm<BlocksOf32<CodesQ8_0>>(a, avx512::gemm_q8_0); }

}  // namespace amx
}  // namespace hearth
