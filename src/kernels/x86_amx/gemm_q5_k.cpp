#include "kernels/x86_amx/super_blocks.hpp"

namespace hearth {
namespace avx512 {
void gemm_q5_k(const GemmArgs&);
}

namespace amx {

void gemm_q5_k(const GemmArgs& a) { tile_gemm<SuperBlocks<Affine<CodesQ5_K>>>(a, avx512::gemm_q5_k); }

}  // namespace amx
}  // namespace hearth
