// The search for scales and minimums that Q4_K and Q5_K share.
#pragma once

#include <cstdint>

#include "hearth/base/half.hpp"

namespace hearth::codecs {

// 256 values d * scales[j] * code - dmin * mins[j], 8 sub-blocks j of 32; scales and mins are at most 63.
struct KAffine {
    f16 d, dmin;
    std::uint8_t scales[8], mins[8];
    std::uint8_t codes[256];
};

// Codes 0 to top.
KAffine fit_k_affine(const float* values, int top);

// The 12 bytes that k_scale and k_min (blocks.hpp) read.
void pack_k_scales(const KAffine& block, std::uint8_t* packed);

}  // namespace hearth::codecs
