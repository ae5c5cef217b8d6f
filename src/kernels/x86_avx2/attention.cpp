#include "kernels/x86_avx2/simd.hpp"

#define HEARTH_ROWS 6
#define HEARTH_REGISTERS 8
#include "kernels/portable/attention.inl"
#include "kernels/portable/attention_merge.inl"
