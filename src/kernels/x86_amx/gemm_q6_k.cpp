#include "kernels/x86_amx/tiles.hpp"

#include "kernels/portable/codes_k.inl"

namespace hearth {
namespace avx512 {
void gemm_q6_k(const GemmArgs&);
}

namespace amx {

void gemm_q6_k(const GemmArgs& a) { tile_gemm<Offset<CodesQ6_K>>(a, avx512::gemm_q6_k); }

}  // namespace amx
}  // namespace hearth
