#include "kernels/x86_avx2vnni/simd.hpp"

#include "kernels/portable/gemm_q4_0.inl"
