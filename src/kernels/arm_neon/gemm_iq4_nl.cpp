#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/gemm_iq4_nl.inl"
