#include "hearth/runtime/sequence.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"

namespace hearth {

// Ids that stand behind `before` others.
Status Sequence::check(std::span<const std::int32_t> tokens, std::size_t before) const {
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || static_cast<std::uint32_t>(tokens[i]) >= vocab_)
            return {Code::out_of_range, cat("token ", tokens[i], " at position ", before + i,
                                            " is outside the vocabulary of ", vocab_, " tokens")};
    return {};
}

Status Sequence::append(std::span<const std::int32_t> tokens) {
    HEARTH_TRY(check(tokens, tokens_.size()));
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
    prompt_ = 0;
    kept_ = std::min(kept_, length);
    const auto known = cached_ == length ? cache_.logits_at(length) : std::span<const float>();
    logits_.assign(known.begin(), known.end());
    return {};
}

Status Sequence::replace(std::size_t at, std::size_t count, std::span<const std::int32_t> tokens) {
    const std::size_t length = tokens_.size();
    if (at > length || count > length - at)
        return {Code::out_of_range, cat("cannot replace ", count, " tokens from position ", at, " on, there are ", length)};
    HEARTH_TRY(check(tokens, at));
    if (tokens.size() > context_ - (length - count))
        return {Code::out_of_range, cat(tokens.size(), " tokens in place of ", count, " would make the sequence of ", length,
                                        " longer than the context of ", context_, " tokens")};
    std::vector<std::int32_t> behind(tokens.begin(), tokens.end());
    behind.insert(behind.end(), tokens_.begin() + static_cast<std::ptrdiff_t>(at + count), tokens_.end());
    const auto old = std::span(tokens_).subspan(at);
    const auto same = static_cast<std::size_t>(std::ranges::mismatch(old, behind).in1 - old.begin());
    HEARTH_TRY(truncate(at + same));
    return append(std::span(behind).subspan(same));
}

void Sequence::use(std::shared_ptr<const AdapterSet> adapters) {
    const auto digest = [](const AdapterSet* set) { return set != nullptr ? set->digest : Hash128(); };
    const bool same = digest(adapters.get()) == digest(adapters_.get());
    adapters_ = std::move(adapters);
    if (same || tokens_.empty()) return;
    cache_ = cache_.fresh();
    cached_ = evaluated_ = 0;
    mark_ = tokens_.size();
    logits_.clear();
}

Status Sequence::save(BlobWriter& blob) {
    cached_ = cache_.rewind(cache_.reachable(cached_));  // a pass that failed may have left it in between
    for (const std::size_t n : {tokens_.size(), evaluated_, cached_, mark_, logits_.size()})
        HEARTH_TRY(blob.value(std::uint64_t{n}));
    HEARTH_TRY(blob.bytes(std::as_bytes(std::span(tokens_))));
    HEARTH_TRY(blob.bytes(std::as_bytes(std::span(logits_))));
    return cache_.save(blob, cached_);
}

Result<Sequence> Sequence::restored(BlobReader& blob) const {
    const auto count = [&](std::string_view what, std::uint64_t most) -> Result<std::size_t> {
        HEARTH_ASSIGN(const auto n, blob.value<std::uint64_t>(what));
        if (n <= most) return static_cast<std::size_t>(n);
        return Status(Code::malformed, cat(what, " is ", n, " before byte ", blob.position(), ", expected at most ", most));
    };
    HEARTH_ASSIGN(const auto length, blob.value<std::uint64_t>("the number of tokens"));
    if (length > context_)
        return Status(Code::out_of_range, cat("has ", length, " tokens, the session's context is ", context_));
    HEARTH_ASSIGN(const std::size_t evaluated, count("the number of evaluated tokens", length));
    HEARTH_ASSIGN(const std::size_t cached, count("the number of tokens in the cache", evaluated));
    HEARTH_ASSIGN(const std::size_t mark, count("the end of the last prompt", length));
    HEARTH_ASSIGN(const std::size_t known, count("the number of logits", cached == length ? vocab_ : 0));
    if (known != 0 && known != vocab_)
        return Status(Code::malformed, cat("the number of logits is ", known, ", expected 0 or ", vocab_));
    if (length > blob.left() / sizeof(std::int32_t))
        return Status(Code::malformed, cat("ends before its ", length, " tokens do"));
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
    std::vector<float> logits(known);
    HEARTH_TRY(blob.bytes(std::as_writable_bytes(std::span(tokens)), "the tokens"));
    HEARTH_TRY(check(tokens, 0));
    HEARTH_TRY(blob.bytes(std::as_writable_bytes(std::span(logits)), "the logits"));
    HEARTH_ASSIGN(KvCache cache, cache_.restored(blob, cached, vocab_));
    Sequence s(std::move(cache), vocab_, context_);
    s.tokens_ = std::move(tokens);
    s.logits_ = std::move(logits);
    s.evaluated_ = evaluated;
    s.cached_ = cached;
    s.mark_ = mark;
    s.prefix_ = prefix_;
    s.adapters_ = adapters_;
    return s;
}

void Sequence::use_store(PrefixUse use) {
    prefix_ = std::move(use);
    prefix_.vocab = vocab_;
    prompt_ = kept_ = 0;
}

void Sequence::remember(std::span<const float> logits) {
    if (cached_ < kept_ + kWorth || cache_.reachable(cached_) != cached_) return;
    prefix_.store->put(prefix_, cache_.layout(), std::span(tokens_).first(cached_), cache_.cut(cached_), logits);
    kept_ = cached_;
}

void Sequence::recall(std::size_t rows) {
    if (prefix_.store == nullptr || missing() < kWorth) return;
    remember({});
    const std::size_t from = start();
    auto [cut, logits] = prefix_.store->find(prefix_, cache_.layout(), tokens_, from, rows);
    if (const std::size_t to = cut.position; to > from) {
        logits_.reserve(vocab_);  // where memory ends, nothing has changed
        cache_.adopt(std::move(cut));
        if (logits != nullptr) logits_.assign(logits->as<float>(), logits->as<float>() + vocab_);
        cached_ = kept_ = to;
        evaluated_ = std::max(evaluated_, to);
    }
    prompt_ = tokens_.size();
}

// Where the next pass begins. With all tokens in the cache but not the logits after the last: with that token again,
// which writes the same bits.
std::size_t Sequence::start() const {
    const std::size_t again = logits_.empty() && !tokens_.empty() ? 1 : 0;
    return cache_.reachable(std::min(cached_, tokens_.size() - again));
}

void Sequence::release() {
    cache_.clear();
    cached_ = kept_ = 0;
}

Result<SequenceBatch> Sequence::next_batch(std::size_t count, std::size_t logits, std::span<const std::int32_t> draft) {
    cached_ = cache_.rewind(start());
    if (cached_ >= cache_.last_checkpoint() + kCheckpointDistance) cache_.checkpoint(cached_, {});
    if (cached_ >= kept_ + kCheckpointDistance && prefix_.store != nullptr && !PrefixStore::anywhere(cache_.layout()))
        remember({});
    HEARTH_TRY(cache_.prepare(cached_, cached_ + count + draft.size(), !draft.empty()));
    SequenceBatch batch;
    batch.kv = cache_.view();
    batch.tokens = std::span(tokens_).subspan(cached_, count);
    pass_.clear();
    if (!draft.empty()) {
        pass_.assign(batch.tokens.begin(), batch.tokens.end());
        pass_.insert(pass_.end(), draft.begin(), draft.end());
        batch.tokens = pass_;
    }
    batch.position = cached_;
    batch.context = context_;
    batch.logits_from = count - logits;
    batch.adapters = adapters_.get();
    return batch;
}

void Sequence::done(std::size_t count, std::span<const float> last) {
    cache_.done(cached_ + std::max(count, pass_.size()));
    cached_ += count;
    evaluated_ = std::max(evaluated_, cached_);
    logits_.assign(last.begin(), last.end());
    if (prompt_ == 0 || cached_ < prompt_) return;
    if (cached_ == prompt_) remember(last);
    prompt_ = 0;
}

void Sequence::confirm(std::span<const float> last) {
    evaluated_ = std::max(evaluated_, ++cached_);
    logits_.assign(last.begin(), last.end());
}

}  // namespace hearth
