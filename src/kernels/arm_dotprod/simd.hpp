// Armv8.2 with sdot (FEAT_DotProd).
#pragma once

#define HEARTH_SIMD_ISA dotprod

#include "kernels/arm_dotprod/dots.hpp"

namespace hearth::dotprod {
namespace {

// 16 rows times T tokens.
template <std::size_t T>
struct dots {
    token_dots of[T];
    HEARTH_SIMD static dots zero() {
        dots d;
        for (token_dots& token : d.of) token = token_dots::zero();
        return d;
    }
    HEARTH_SIMD void add8(const s8x64& first, const s8x64& second, const std::int8_t* const (&x)[T], std::size_t k) {
        for (std::size_t t = 0; t < T; ++t) of[t].add8(first, second, x[t] + k);
    }
    HEARTH_SIMD void sums(i32x16 (&sum)[T]) const {
        for (std::size_t t = 0; t < T; ++t) sum[t] = of[t].sum();
    }
};

}  // namespace
}  // namespace hearth::dotprod

#undef HEARTH_EACH_QUARTER
