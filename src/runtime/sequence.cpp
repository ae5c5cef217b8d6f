#include "hearth/runtime/sequence.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"

namespace hearth {

Status Sequence::append(std::span<const std::int32_t> tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || static_cast<std::uint32_t>(tokens[i]) >= vocab_)
            return {Code::out_of_range, cat("token ", tokens[i], " at position ", tokens_.size() + i,
                                            " is outside the vocabulary of ", vocab_, " tokens")};
    if (tokens.size() > context_ - tokens_.size()) {
        const std::string past = tokens_.empty() ? "" : cat(", of which ", tokens_.size(), " are taken");
        return {Code::out_of_range, cat("the prompt of ", tokens.size(), " tokens is longer than the context of ", context_, " tokens", past)};
    }
    if (tokens.empty()) return {};
    // In large steps: a decoded token is not to wait for memory.
    if (const std::size_t wanted = tokens_.size() + tokens.size(); wanted > tokens_.capacity())
        tokens_.reserve(std::max(wanted, std::min(context_, std::max<std::size_t>(2 * wanted, 4096))));
    if (cached_ == tokens_.size() && cached_ == mark_) cache_.checkpoint(cached_, logits_);
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    logits_.clear();
    if (tokens.size() > 1) mark_ = tokens_.size();
    return {};
}

Status Sequence::truncate(std::size_t length) {
    if (length > tokens_.size())
        return {Code::out_of_range, cat("cannot keep ", length, " tokens of ", tokens_.size())};
    if (length == tokens_.size()) return {};
    cached_ = cache_.rewind(std::min(cached_, length));
    logits_.reserve(vocab_);
    tokens_.resize(length);
    evaluated_ = std::min(evaluated_, length);
    mark_ = length;
    const auto known = cached_ == length ? cache_.logits_at(length) : std::span<const float>();
    logits_.assign(known.begin(), known.end());
    return {};
}

// Where the next pass begins. With all tokens in the cache but not the logits after the last: with that token again,
// which writes the same bits.
std::size_t Sequence::start() const {
    const std::size_t again = logits_.empty() && !tokens_.empty() ? 1 : 0;
    return cache_.reachable(std::min(cached_, tokens_.size() - again));
}

Result<SequenceBatch> Sequence::next_batch(std::size_t count, std::size_t logits) {
    cached_ = cache_.rewind(start());
    if (cached_ >= cache_.last_checkpoint() + kCheckpointDistance) cache_.checkpoint(cached_, {});
    HEARTH_TRY(cache_.prepare(cached_, cached_ + count));
    SequenceBatch batch;
    batch.kv = cache_.view();
    batch.tokens = std::span(tokens_).subspan(cached_, count);
    batch.position = cached_;
    batch.context = context_;
    batch.logits_from = count - logits;
    return batch;
}

void Sequence::done(std::size_t count, std::span<const float> last) {
    cached_ += count;
    cache_.done(cached_);
    evaluated_ = std::max(evaluated_, cached_);
    logits_.assign(last.begin(), last.end());
}

}  // namespace hearth
