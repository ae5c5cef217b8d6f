#include "hearth/layers/glu.hpp"

namespace hearth {

void apply_glu(Glu kind, const KernelTable& kernels, float* gate, float* up, std::size_t n, float* y, float limit) {
    if (limit != 0) {
        for (std::size_t i = 0; i < n; ++i) gate[i] = gate[i] > limit ? limit : gate[i];  // comparisons let NaN through
        for (std::size_t i = 0; up != nullptr && i < n; ++i)
            up[i] = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];
    }
    switch (kind) {
        case Glu::gelu:
            return kernels.gelu_mul(gate, up, n, y);
        case Glu::gelu_erf:
            return kernels.gelu_erf_mul(gate, up, n, y);
        case Glu::clamped_silu:
            for (std::size_t i = 0; i < n; ++i) {
                // silu(a g) (u + 1) / a = g sigmoid(a g) (u + 1). Comparisons let NaN through.
                constexpr float a = 1.702F, bound = 7;
                const float g = gate[i] > bound ? bound : gate[i];
                const float u = up[i] > bound ? bound : up[i] < -bound ? -bound : up[i];
                gate[i] = a * g;
                up[i] = (u + 1) / a;
            }
            return kernels.silu_mul(gate, up, n, y);
        case Glu::silu:
            return kernels.silu_mul(gate, up, n, y);
    }
}

}  // namespace hearth
