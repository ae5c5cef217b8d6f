#include "kernels/scalar/gemm.hpp"

namespace hearth::scalar {

void gemm_q6_k(const GemmArgs& a) {
    using Layout = panel::Q6_K;
    const std::size_t blocks = a.k / Layout::kValues;
    for_outputs<ActQ8x256>(a, [&](const std::uint8_t* panel, const ActQ8x256* x, float(&acc)[kLanes]) {
        for (std::size_t b = 0; b < blocks; ++b) {
            const panel::BlockPlace at = panel::in_twos<Layout::kBlock>(b, blocks);
            const std::uint8_t* const block = panel + at.block;
            std::int32_t sum[kLanes] = {};
            for (std::size_t j = 0; j < 16; ++j) {
                std::int32_t dot[kLanes] = {};
                for (std::size_t k = 16 * j; k < 16 * j + 16; k += 4) {
                    const std::size_t h = k / 128, s = k / 32 % 4, g = k / 4 % 8;
                    const std::uint8_t* const high = block + Layout::kUnits + (24 * h + 3 * g) * panel::kUnit;
                    const std::uint8_t* const low = high + (1 + s % 2) * panel::kUnit;
                    std::uint8_t codes[panel::kUnit];
                    for (std::size_t i = 0; i < panel::kUnit; ++i)
                        codes[i] =
                            static_cast<std::uint8_t>((low[i] >> 4 * (s / 2) & 15) | (high[i] >> 2 * s & 3) << 4);
                    add_unit(codes, 32, x[b].q + k, dot);
                }
                add_scaled(reinterpret_cast<const std::int8_t*>(block + Layout::kScales), j, dot, sum);
            }
            add_block(panel + at.d, x[b].scale, sum, acc);
        }
    });
}

}  // namespace hearth::scalar
