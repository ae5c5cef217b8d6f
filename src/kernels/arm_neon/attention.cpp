#include "kernels/arm_neon/simd.hpp"

#define HEARTH_TILE 4
#include "kernels/portable/attention.inl"
