#include "kernels/arm_i8mm/simd.hpp"

#include "kernels/arm_dotprod/gemm_q5_k.inl"
