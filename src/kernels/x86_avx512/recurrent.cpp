#include "kernels/x86_avx512/simd.hpp"

#include "kernels/portable/recurrent.inl"
