// What the multipliers of one core can do: the bound of GEMM figures.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/base/cpu.hpp"

namespace hearth {

// Multiplications per second of a loop that does nothing else, with the instructions that the set's kernels use; 0
// where there is no such loop (scalar). Measured once, in some milliseconds.
double int8_peak(Isa isa);
double float_peak(Isa isa);
// Reads `count` words, a multiple of 8, as fast as plain code does.
void read_words(const std::uint64_t* words, std::size_t count);
// Bytes per second that this core reads from memory so.
double read_peak();

}  // namespace hearth
