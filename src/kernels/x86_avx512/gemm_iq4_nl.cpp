#include "kernels/x86_avx512/simd.hpp"

#include "kernels/portable/gemm_iq4_nl.inl"
