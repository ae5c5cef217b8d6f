#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/samplers/sampler.hpp"

namespace hearth {

Logprobs::Logprobs(std::size_t vocab, const KernelTable& kernels)
    : candidates_(std::make_unique<Candidates>(vocab, kernels)) {}
Logprobs::~Logprobs() = default;

std::span<const TokenLogprob> Logprobs::of(std::span<const float> logits, std::int32_t token, std::size_t top) {
    out_.clear();
    candidates_->start(logits);
    // Without a finite best there is no distribution.
    const bool any = std::isfinite(candidates_->best().logit);
    const double log_sum = any ? candidates_->log_sum() : 0.0;
    const auto at = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)]; };
    const auto add = [&](std::int32_t id) {
        constexpr float kNever = -std::numeric_limits<float>::infinity();
        out_.push_back(
            {id, any && at(id) > kNever ? static_cast<float>(static_cast<double>(at(id)) - log_sum) : kNever});
    };
    add(token);
    if (top == 0 || !any) return out_;
    candidates_->keep_top(std::min(top, logits.size()));
    for (const Candidate& c : candidates_->listed()) add(c.id);
    std::sort(out_.begin() + 1, out_.end(), [&](const TokenLogprob& a, const TokenLogprob& b) {
        return better({at(a.token), a.token}, {at(b.token), b.token});
    });
    return out_;
}

}  // namespace hearth
