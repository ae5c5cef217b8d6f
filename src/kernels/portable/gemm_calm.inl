// Kernels for calm activations (ActQ8x256), where the machine has any.
#include "kernels/portable/gemm_blocks.inl"

namespace hearth::HEARTH_SIMD_ISA {
namespace {

// Whether a kernel for calm activations gains by it, and whether all of a tile's next blocks are.
template <int Top>
constexpr bool gains_by_calm = kUnpackFirst && (calm_dot_steps<Top>) > 0;
template <int Top, bool Calm>
constexpr std::size_t dot_steps = Calm ? calm_dot_steps<Top> : scaled_dot_steps<Top>;
template <std::size_t T>
HEARTH_SIMD bool all_calm(const ActQ8x256* const (&x)[T]) {
    unsigned calm = 1;
    for (std::size_t t = 0; t < T; ++t) calm &= x[t]->calm;
    return calm != 0;
}

}  // namespace
}  // namespace hearth::HEARTH_SIMD_ISA
