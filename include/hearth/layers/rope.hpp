// Rotary position embedding (Su et al., "RoFormer", 2021) with the scalings that models ship:
// linear, YaRN (Peng et al., 2023), per-dimension factors (Llama 3.1, LongRoPE).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hearth/kernels/kernels.hpp"

namespace hearth {

enum class RopeKind : int {
    none,
    adjacent,  // pairs (2i, 2i+1): GGUF files of models whose q/k rows the converter permuted
    halves,    // pairs (i, i + dims/2)
};

struct RopeSpec {
    RopeKind kind = RopeKind::none;
    std::uint32_t dims = 0;  // rotated dimensions of a head; the rest pass through
    double base = 10000;
    double linear = 1;       // positions are divided by it
    struct Yarn {
        bool on = false;
        double factor = 1, original_context = 0, beta_fast = 32, beta_slow = 1;
        bool whole_pairs = true;  // the ramp begins and ends at pairs, not between them
    } yarn;
    double magnitude = 1;    // cos and sin are multiplied by it
    std::vector<float> factors;  // [dims / 2] or empty: frequencies are divided by them
};

// Angles per position step for each pair, [dims / 2]. In double, by hearth's own functions: the same on every machine.
std::vector<double> rope_frequencies(const RopeSpec& spec);
// cos and sin [dims / 2] of one position.
void rope_angles(const std::vector<double>& frequencies, double magnitude, std::size_t position, float* cos, float* sin);

}  // namespace hearth
