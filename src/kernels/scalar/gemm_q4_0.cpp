#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q4_0(const GemmArgs& a) {
    using Layout = panel::Q4_0;
    const std::size_t blocks = a.k / Layout::kValues;
    for_outputs<ActQ8x32>(a, [&](const std::uint8_t* panel, const ActQ8x32* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < blocks; ++b) {
            const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
            std::int32_t sum[kLanes] = {};
            for (std::size_t g = 0; g < 8; ++g) {  // units 0 to 3 twice: low nibbles, then high ones
                const std::uint8_t* const unit = panel + at.block + g % 4 * panel::kUnit;
                std::uint8_t codes[panel::kUnit];
                for (std::size_t i = 0; i < panel::kUnit; ++i)
                    codes[i] = static_cast<std::uint8_t>(unit[i] >> 4 * (g / 4) & 15);
                add_unit(codes, 8, x[b].q + 4 * g, sum);
            }
            add_block(panel + at.d, x[b].scale, sum, acc);
        }
    });
}

}  // namespace hearth::scalar
