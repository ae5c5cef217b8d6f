// Grids, alphabets and signs of the IQ formats.
#pragma once

#include <bit>
#include <cstdint>

#include "codecs/codec_functions.hpp"

namespace hearth::codecs {

extern const std::uint16_t iq1_grid[2048];     // 8 codes of 2 bits, value = code - 1
extern const std::uint16_t iq2_xxs_grid[256];  // 8 codes of 2 bits into kIq2Alphabet
extern const std::uint16_t iq2_xs_grid[512];
extern const std::uint16_t iq2_s_grid[1024];
extern const std::uint16_t iq3_xxs_grid[256];  // 4 codes of 3 bits into kIq3XxsAlphabet
extern const std::uint16_t iq3_s_grid[512];    // 4 codes of 3 bits, value = 2 code + 1

constexpr float kIq2Alphabet[4] = {8, 25, 43, 0};  // code 3 is in no row
constexpr float kIq3XxsAlphabet[8] = {4, 12, 20, 28, 36, 44, 52, 62};

// Eight signs from an index of seven bits: the eighth is set where the number of set bits would be odd.
inline unsigned even_signs(unsigned index) { return index | (static_cast<unsigned>(std::popcount(index)) & 1u) << 7; }

// 8 values of an IQ2 grid row; bit i of `signs` makes value i negative.
inline void put_iq2_row(unsigned row, unsigned signs, float scale, float* y) {
    for (unsigned i = 0; i < 8; ++i) {
        y[i] = negate_if((signs >> i) & 1, scale * kIq2Alphabet[(row >> 2 * i) & 3]);
    }
}

// 8 values of an IQ1 grid row, each shifted by +-1/8.
inline void put_iq1_row(unsigned row, float delta, float scale, float* y) {
    for (unsigned i = 0; i < 8; ++i)
        y[i] = scale * (static_cast<float>(static_cast<int>((row >> 2 * i) & 3) - 1) + delta);
}

}  // namespace hearth::codecs
