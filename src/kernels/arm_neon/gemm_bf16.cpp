#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_bf16.inl"
