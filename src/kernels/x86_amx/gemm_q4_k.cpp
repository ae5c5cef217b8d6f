#include "kernels/x86_amx/super_blocks.hpp"

namespace hearth {
namespace avx512 {
void gemm_q4_k(const GemmArgs&);
}

namespace amx {

void gemm_q4_k(const GemmArgs& a) { tile_gemm<SuperBlocks<Affine<CodesQ4_K>>>(a, avx512::gemm_q4_k); }

}  // namespace amx
}  // namespace hearth
