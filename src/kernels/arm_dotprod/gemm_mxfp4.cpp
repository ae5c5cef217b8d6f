#include "kernels/arm_dotprod/simd.hpp"

#include "kernels/arm_dotprod/gemm_mxfp4.inl"
