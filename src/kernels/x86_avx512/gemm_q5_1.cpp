#include "kernels/x86_avx512/simd.hpp"

#include "kernels/portable/gemm_q5_1.inl"
