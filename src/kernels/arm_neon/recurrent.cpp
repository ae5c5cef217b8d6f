#include "kernels/arm_neon/simd.hpp"

#include "kernels/portable/recurrent.inl"
