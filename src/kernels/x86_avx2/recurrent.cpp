#include "kernels/x86_avx2/simd.hpp"

#include "kernels/portable/recurrent.inl"
