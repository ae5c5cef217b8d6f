#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_q4_1(const GemmArgs&);
}

namespace amx {

void gemm_q4_1(const GemmArgs& a) { tile_gemm<BlocksOf32<Shifted<Nibbles<panel::Q4_1, 0>>>>(a, avx512::gemm_q4_1); }

}  // namespace amx
}  // namespace hearth
