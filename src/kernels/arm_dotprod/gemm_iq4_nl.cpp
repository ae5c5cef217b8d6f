#include "kernels/arm_dotprod/simd.hpp"

#include "kernels/arm_dotprod/gemm_iq4_nl.inl"
