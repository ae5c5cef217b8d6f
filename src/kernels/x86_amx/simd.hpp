// AMX: the 16-lane machine is that of AVX-512; tiles.hpp adds int8 tile products to it.
#pragma once

#define HEARTH_SIMD_ISA amx
#include "kernels/x86_avx512/simd.hpp"
