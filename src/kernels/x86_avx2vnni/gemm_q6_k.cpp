#include "kernels/x86_avx2vnni/simd.hpp"

#include "kernels/portable/gemm_q6_k.inl"
