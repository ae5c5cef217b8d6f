#include "kernels/x86_avx2/simd.hpp"

#define HEARTH_TILE 4
#include "kernels/portable/attention.inl"
