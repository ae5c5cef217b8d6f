#include "hearth/codecs/blocks.hpp"
#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_iq4_xs(const GemmArgs& a) {
    using Layout = panel::IQ4_XS;
    const std::size_t blocks = a.k / Layout::kValues;
    for_outputs<ActQ8x256>(a, [&](const std::uint8_t* panel, const ActQ8x256* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < blocks; ++b) {
            const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
            const std::uint8_t* const block = panel + at.block;
            std::int32_t sum[kLanes] = {};
            for (std::size_t j = 0; j < 8; ++j)
                for (std::size_t r = 0; r < kLanes; ++r) {
                    std::int32_t dot = 0;
                    for (std::size_t i = 0; i < 32; ++i) {
                        const std::uint8_t* const unit = block + Layout::kUnits + (4 * j + i / 4 % 4) * panel::kUnit;
                        dot += iq4_values[unit[4 * r + i % 4] >> 4 * (i / 16) & 15] * x[b].q[32 * j + i];
                    }
                    sum[r] += static_cast<std::int8_t>(block[Layout::kScales + j * kLanes + r]) * dot;
                }
            add_block(panel + at.d, x[b].scale, sum, acc);
        }
    });
}

}  // namespace hearth::scalar
