#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_q5_0.inl"
