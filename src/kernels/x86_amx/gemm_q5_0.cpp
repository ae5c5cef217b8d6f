#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_q5_0(const GemmArgs&);
}

namespace amx {

void gemm_q5_0(const GemmArgs& a) { tile_gemm<BlocksOf32<Shifted<FiveBits<panel::Q5_0, 16>>>>(a, avx512::gemm_q5_0); }

}  // namespace amx
}  // namespace hearth
