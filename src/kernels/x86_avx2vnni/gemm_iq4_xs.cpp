#include "kernels/x86_avx2vnni/simd.hpp"

#include "kernels/portable/gemm_iq4_xs.inl"
