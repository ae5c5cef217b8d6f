#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_q4_0(const GemmArgs&);
}

namespace amx {

void gemm_q4_0(const GemmArgs& a) { tile_gemm<BlocksOf32<Shifted<Nibbles<panel::Q4_0, 8>>>>(a, avx512::gemm_q4_0); }

}  // namespace amx
}  // namespace hearth
