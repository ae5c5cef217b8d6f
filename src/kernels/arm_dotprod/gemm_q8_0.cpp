#include "kernels/arm_dotprod/simd.hpp"

#include "kernels/arm_dotprod/gemm_q8_0.inl"
