#include "models/row_compressor.hpp"

namespace hearth {

Status RowCompressor::load(LoadContext& context, const TensorInfo* offsets, const TensorInfo* norm) {
    HEARTH_ASSIGN(offsets_, load_vector(context, offsets));
    HEARTH_ASSIGN(norm_, load_vector(context, norm));
    return {};
}

void RowCompressor::run(const KernelTable& kernels, std::span<const float* const> tokens, std::size_t first, float eps,
                        float* row) const {
    const std::size_t n = tokens.size(), others = n - ratio_;
    // Where a token's set for this row begins, by its number.
    const auto set = [&](std::size_t i) { return i < others ? 0 : (sets_ - 1) * width_; };
    for (std::size_t begin = 0; begin < width_; begin += kLanes) {
        const std::size_t count = std::min(kLanes, width_ - begin);
        float scores[kLanes][kMostTokens], sums[kLanes], values[kLanes] = {};
        for (std::size_t i = 0; i < n; ++i) {
            const float* const score = tokens[i] + first + sets_ * width_ + set(i) + begin;
            const float* const offset = offsets_.data() + i % ratio_ * sets_ * width_ + set(i) + begin;
            for (std::size_t c = 0; c < count; ++c) scores[c][i] = score[c] + offset[c];
        }
        for (std::size_t c = 0; c < count; ++c) sums[c] = kernels.exp_sum(scores[c], n, scores[c]);
        for (std::size_t i = 0; i < n; ++i) {
            const float* const value = tokens[i] + first + set(i) + begin;
            for (std::size_t c = 0; c < count; ++c) values[c] += scores[c][i] * value[c];
        }
        for (std::size_t c = 0; c < count; ++c) row[begin + c] = values[c] / sums[c];
    }
    kernels.rms_norm(row, norm_.data(), eps, width_, row);
}

}  // namespace hearth
