#include "hearth/codecs/blocks.hpp"
#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_mxfp4(const GemmArgs&);
}

namespace amx {
namespace {

struct CodesMXFP4 : FromTable<panel::MXFP4, fp4_values> {
    HEARTH_SIMD static f32x16 scale(const std::uint8_t* scales) { return load_e8m0_half(scales); }
};

}  // namespace

void gemm_mxfp4(const GemmArgs& a) { tile_gemm<BlocksOf32<CodesMXFP4>>(a, avx512::gemm_mxfp4); }

}  // namespace amx
}  // namespace hearth
