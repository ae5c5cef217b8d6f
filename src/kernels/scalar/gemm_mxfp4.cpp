#include "hearth/codecs/blocks.hpp"
#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_mxfp4(const GemmArgs& a) {
    blocks_of_32_gemm<panel::MXFP4>(
        a, [](unsigned code) { return fp4_values[code]; },
        [](const std::uint8_t* e, std::size_t r) { return e8m0_half(e[r]); });
}

}  // namespace hearth::scalar
