#include "kernels/arm_dotprod/simd.hpp"

#include "kernels/arm_dotprod/gemm_q4_0.inl"
