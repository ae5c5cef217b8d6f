// Rows that stand for several tokens (DeepSeek-V4): a mean of what the tokens give, weighted channel by channel by a
// softmax over scores that they give as well, each with an offset by its place in the row.
#pragma once

#include <span>

#include "models/mixer.hpp"

namespace hearth {

class RowCompressor {
public:
    static constexpr std::size_t kMostTokens = 128;

    // Rows of `width` channels for `ratio` tokens. Where rows overlap, a token gives two sets of values and scores: the
    // first for the row behind its own, the second for its own.
    RowCompressor(std::size_t width, std::size_t ratio, bool overlap)
        : width_(width), ratio_(ratio), sets_(overlap ? 2 : 1) {}

    // Floats that a token gives: values [sets, width], then scores [sets, width].
    std::size_t given() const { return 2 * sets_ * width_; }
    std::size_t scores() const { return sets_ * width_; }

    // offsets {sets * width, ratio}, norm {width}.
    Status load(LoadContext& context, const TensorInfo* offsets, const TensorInfo* norm);
    // row [width] of tokens whose values and scores stand from float `first` of their columns on: those of the row
    // before, where rows overlap and there is one, and its own.
    void run(const KernelTable& kernels, std::span<const float* const> tokens, std::size_t first, float eps,
             float* row) const;

private:
    std::size_t width_, ratio_, sets_;
    std::vector<float> offsets_;  // [ratio, sets, width]
    std::vector<float> norm_;     // [width]
};

}  // namespace hearth
