// The end of every reduction over the 16 virtual lanes.
#pragma once

#include <cstddef>

namespace hearth::scalar {
namespace {

// Lanes l and l+8, then l+4, l+2, l+1.
[[gnu::always_inline]] inline float fold_add(float (&lanes)[16]) {
    for (std::size_t width = 8; width > 0; width /= 2)
        for (std::size_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
    return lanes[0];
}

}  // namespace
}  // namespace hearth::scalar
