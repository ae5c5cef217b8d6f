#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_q8_0.inl"
