#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_q4_1.inl"
