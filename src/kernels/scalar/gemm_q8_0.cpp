#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q8_0(const GemmArgs& a) {
    using Layout = panel::Q8_0;
    const std::size_t blocks = a.k / Layout::kValues;
    for_outputs<ActQ8x32>(a, [&](const std::uint8_t* panel, const ActQ8x32* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < blocks; ++b) {
            const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
            std::int32_t sum[kLanes] = {};
            for (std::size_t g = 0; g < 8; ++g) {
                std::uint8_t codes[panel::kUnit];
                __builtin_memcpy(codes, panel + at.block + g * panel::kUnit, sizeof codes);
                add_unit(codes, 128, x[b].q + 4 * g, sum);
            }
            add_block(panel + at.d, x[b].scale, sum, acc);
        }
    });
}

}  // namespace hearth::scalar
