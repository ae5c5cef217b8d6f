#include "kernels/x86_avx2/simd.hpp"

#include "kernels/portable/gemm_q5_1.inl"
