#include "hearth/codecs/blocks.hpp"
#include "kernels/x86_amx/blocks_of_32.hpp"

namespace hearth {
namespace avx512 {
void gemm_iq4_nl(const GemmArgs&);
}

namespace amx {

void gemm_iq4_nl(const GemmArgs& a) {
    tile_gemm<BlocksOf32<FromTable<panel::IQ4_NL, iq4_values>>>(a, avx512::gemm_iq4_nl);
}

}  // namespace amx
}  // namespace hearth
