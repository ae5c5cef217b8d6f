#include "kernels/x86_avx512/simd.hpp"

#define HEARTH_ROWS 12
#define HEARTH_REGISTERS 32
#include "kernels/portable/attention.inl"
#include "kernels/portable/attention_merge.inl"
