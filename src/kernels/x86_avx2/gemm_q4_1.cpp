#include "kernels/x86_avx2/simd.hpp"

#include "kernels/portable/gemm_q4_1.inl"
