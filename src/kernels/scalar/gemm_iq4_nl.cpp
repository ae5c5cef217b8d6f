#include "hearth/codecs/blocks.hpp"
#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_iq4_nl(const GemmArgs& a) {
    blocks_of_32_gemm<panel::IQ4_NL>(
        a, [](unsigned code) { return iq4_values[code]; }, half_at);
}

}  // namespace hearth::scalar
