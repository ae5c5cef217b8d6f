#include "kernels/x86_avx512/simd.hpp"

#define HEARTH_TILE 16
#include "kernels/portable/attention.inl"
