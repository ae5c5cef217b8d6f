#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_mxfp4.inl"
