#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_f32.inl"
