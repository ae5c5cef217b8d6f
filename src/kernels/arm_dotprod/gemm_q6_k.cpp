#include "kernels/arm_dotprod/simd.hpp"

#include "kernels/arm_dotprod/gemm_q6_k.inl"
