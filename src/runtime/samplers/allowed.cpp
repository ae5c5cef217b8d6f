// Candidates that begin as a part of the vocabulary: the tokens that a grammar allows.
#include <algorithm>
#include <bit>
#include <limits>

#include "runtime/samplers/sampler.hpp"

namespace hearth {
namespace {

constexpr std::size_t kBits = 64;  // of a word
// Fewer tokens than this part of the vocabulary are listed; of more, a copy without the others is quicker to go on
// with.
constexpr std::size_t kListedPart = 16;
constexpr float kLowest = -std::numeric_limits<float>::infinity();

}  // namespace

void Candidates::start(std::span<const float> logits, std::span<const std::uint64_t> allowed) {
    start(logits);
    const std::size_t words = std::min(allowed.size(), (logits.size() + kBits - 1) / kBits);
    const auto word = [&](std::size_t i) {
        if (i >= words) return std::uint64_t{0};
        const std::size_t left = logits.size() - i * kBits;
        return left < kBits ? allowed[i] & ((std::uint64_t{1} << left) - 1) : allowed[i];
    };
    std::size_t count = 0;
    for (std::size_t i = 0; i < words; ++i) count += static_cast<std::size_t>(std::popcount(word(i)));
    if (count == logits.size()) return;
    if (count < logits.size() / kListedPart) {
        for (std::size_t i = 0; i < words; ++i)
            for (std::uint64_t bits = word(i); bits != 0; bits &= bits - 1) {
                const std::size_t id = i * kBits + static_cast<std::size_t>(std::countr_zero(bits));
                if (logits[id] > kLowest) listed_.push_back({logits[id], static_cast<std::int32_t>(id)});
            }
        whole_ = false;
        fresh_ = true;
        return;
    }
    const std::span<float> copy = edit();
    for (std::size_t begin = 0; begin < copy.size(); begin += kBits) {
        const std::uint64_t bits = word(begin / kBits);
        const std::size_t n = std::min(kBits, copy.size() - begin);
        if (bits == ~std::uint64_t{0}) continue;
        for (std::size_t i = 0; i < n; ++i)
            if (((bits >> i) & 1) == 0) copy[begin + i] = kLowest;
    }
}

}  // namespace hearth
