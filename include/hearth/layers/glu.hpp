// Gated linear units (Shazeer, "GLU Variants Improve Transformer", 2020): what a feed-forward network makes of its two
// projections.
#pragma once

#include <cstddef>

#include "hearth/kernels/kernels.hpp"

namespace hearth {

enum class Glu : int {
    silu,          // silu(gate) * up
    clamped_silu,  // g sigmoid(1.702 g) (u + 1) with g = min(gate, 7), u = up within -7 and 7 (gpt-oss)
    gelu,          // gelu(gate) * up, in its tanh form
    gelu_erf,      // the same in its erf form; up may be null: ones
};

// y = glu(gate, up), all [n]; y may be gate. Gate and up may be changed. With a limit, gate is at most that, and up is
// within it to either side (DeepSeek-V4, Step 3.5); 0: none.
void apply_glu(Glu kind, const KernelTable& kernels, float* gate, float* up, std::size_t n, float* y, float limit = 0);

}  // namespace hearth
