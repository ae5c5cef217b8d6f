#include "kernels/x86_avx512/simd.hpp"

#include "kernels/portable/gemm_f16.inl"
