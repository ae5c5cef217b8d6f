#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_q6_k.inl"
