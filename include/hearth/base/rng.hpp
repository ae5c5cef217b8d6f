// Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
// draw i of seed s is a pure function of (s, i), so a replayed conversation draws the same numbers.
#pragma once

#include <array>
#include <cstdint>

namespace hearth {

std::array<std::uint32_t, 4> philox4x32(std::uint64_t key, std::uint64_t counter_lo, std::uint64_t counter_hi);

// Uniform in [0, 1), multiples of 2^-53, for draw number `index` of `seed`; draws of different streams are independent.
double uniform_draw(std::uint64_t seed, std::uint64_t index, std::uint64_t stream = 0);

}  // namespace hearth
