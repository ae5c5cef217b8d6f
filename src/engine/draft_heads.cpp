// Guesses of a model's own heads. Head k reads, for position i, the state that stands there (the first head: the
// model's, each further one: that of the head before it) and token i + k + 1, and says what follows that token. Heads
// keep keys and values of all positions in a sequence of their own, of which position 0 is the first whose state they
// were given: rotations see distances only.
#include <algorithm>
#include <cstring>

#include "hearth/engine/draft.hpp"
#include "hearth/engine/engine.hpp"

namespace hearth {

namespace {

constexpr std::size_t kRows = 512 + 2 * Drafter::kMost;  // states that wait for a head
constexpr std::size_t kFew = 2 * Drafter::kMost;         // that may wait for the next guess

class Heads final : public HeadDrafter {
public:
    struct Head {
        std::shared_ptr<LoadedModel> model;
        std::shared_ptr<Session> session;
        Buffer rows = {};  // [count, width]: states of the positions behind its sequence
        std::size_t count = 0;

        Sequence& sequence() const { return session->sequence(); }
    };

    Heads(std::vector<Head> heads, std::shared_ptr<Memory> memory, std::size_t width)
        : heads_(std::move(heads)), memory_(std::move(memory)), width_(width) {}

    Status begin() {
        HEARTH_ASSIGN(state_, Buffer::make(memory_, width_ * sizeof(float), "a state for the guesses of heads"));
        return {};
    }

    double seconds() const override { return seconds_; }
    float* states(std::span<const DraftToken> tokens, std::size_t position, std::size_t count) override;
    void computed(std::span<const DraftToken> tokens, std::size_t count) override;
    Status guess(std::span<const DraftToken> tokens, std::size_t most, std::vector<DraftToken>& out,
                 const Stop* stop) override;
    void release() override {
        forget();
        expects_ = false;
        for (Head& h : heads_) {
            h.sequence().release();
            h.rows = Buffer();
        }
    }
    std::shared_ptr<HeadDrafter> fork() const override;
    std::uint64_t bytes() const override {
        std::uint64_t sum = state_.size();
        for (const Head& h : heads_) sum += h.sequence().cache_bytes() + h.rows.size();
        return sum;
    }

private:
    std::size_t common(std::span<const DraftToken> tokens) const {
        return static_cast<std::size_t>(std::ranges::mismatch(known_, tokens).in1 - known_.begin());
    }
    void cut(std::size_t position);
    void forget() { cut(0); }
    Status make_room(Head& head, std::size_t count) const;
    Status settle(std::span<const DraftToken> tokens, std::size_t leave, const Stop* stop);
    Status settle_one(std::size_t index, std::span<const DraftToken> tokens, std::size_t leave, const Stop* stop);
    Status run(std::size_t index, const float* rows, std::span<const DraftToken> tokens, bool choose, const Stop* stop);
    Status go_on(std::size_t most, std::vector<DraftToken>& out, const Stop* stop);

    std::vector<Head> heads_;
    std::shared_ptr<Memory> memory_;
    std::size_t width_;
    std::size_t base_ = 0;           // the session's position of the first state
    std::vector<DraftToken> known_;  // the session's tokens up to the last state
    bool expects_ = false;           // states of the pass that is computed
    std::vector<DraftToken> list_;   // the session's tokens and guesses behind them
    Buffer state_;                   // [width]: what the last head made last
    DraftToken token_ = 0;           // the most probable one behind it
    double seconds_ = 0;
};

// States from `position` on are gone, with what was made of them. (What was made of the state before it and of a token
// that is another now stays: one stale row among all that a guess looks at.)
void Heads::cut(std::size_t position) {
    if (position <= base_) {
        base_ = position = 0;
    }
    for (Head& h : heads_) {
        const std::size_t length = h.sequence().length(), keep = position - base_;
        if (length > keep) (void)h.sequence().truncate(keep);  // it is shorter
        h.count = std::min(h.count, keep - std::min(keep, length));
    }
    known_.resize(std::min(known_.size(), position));
}

Status Heads::make_room(Head& head, std::size_t count) const {
    const std::size_t bytes = width_ * sizeof(float), needed = (head.count + count) * bytes;
    if (needed <= head.rows.size()) return {};
    const std::size_t wanted = std::max(needed, std::min(2 * head.rows.size(), kRows * bytes));
    HEARTH_ASSIGN(Buffer rows,
                  Buffer::make(memory_, wanted, "states for the guesses of heads", Buffer::Content::unspecified));
    if (head.count != 0) std::memcpy(rows.data(), head.rows.data(), head.count * bytes);
    head.rows = std::move(rows);
    return {};
}

float* Heads::states(std::span<const DraftToken> tokens, std::size_t position, std::size_t count) {
    expects_ = false;
    const std::size_t same = std::min(common(tokens), position);
    if (same < known_.size()) cut(same);
    Head& first = heads_.front();
    // What does not fit is made use of, unless that fails.
    const bool settled = first.count + count <= kRows || settle(tokens, 0, nullptr).ok();
    if (!settled || position != known_.size()) {
        forget();
        base_ = position;
        known_.assign(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(position));
    }
    if (!make_room(first, count).ok()) return nullptr;
    expects_ = true;
    return first.rows.as<float>() + first.count * width_;
}

void Heads::computed(std::span<const DraftToken> tokens, std::size_t count) {
    if (!expects_) return;
    expects_ = false;
    const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(known_.size());
    known_.insert(known_.end(), from, from + static_cast<std::ptrdiff_t>(count));
    heads_.front().count += count;
    // A prompt's are the prompt's work, not that of the first guess. Where it fails they wait.
    if (heads_.front().count > kFew) (void)settle(tokens, 1, nullptr);
}

// Rows that read nothing but the session's tokens, but for `leave` of the first head's.
Status Heads::settle(std::span<const DraftToken> tokens, std::size_t leave, const Stop* stop) {
    for (std::size_t i = 0; i < heads_.size(); ++i) HEARTH_TRY(settle_one(i, tokens, i == 0 ? leave : 0, stop));
    return {};
}

Status Heads::settle_one(std::size_t index, std::span<const DraftToken> tokens, std::size_t leave, const Stop* stop) {
    Head& h = heads_[index];
    const std::size_t next = base_ + h.sequence().length() + index + 1;  // token of the first row
    const std::size_t known = tokens.size() - std::min(tokens.size(), next);
    const std::size_t rows = std::min(h.count - std::min(h.count, leave), known);
    if (rows == 0) return {};
    HEARTH_TRY(run(index, h.rows.as<float>(), tokens.subspan(next, rows), false, stop));
    h.count -= rows;
    const std::size_t bytes = width_ * sizeof(float);
    std::memmove(h.rows.data(), h.rows.data() + rows * bytes, h.count * bytes);
    return {};
}

// One pass over rows with the tokens that they read. What it makes of them are rows of the next head, or, of the last
// row alone, state_.
Status Heads::run(std::size_t index, const float* rows, std::span<const DraftToken> tokens, bool choose,
                  const Stop* stop) {
    Head& h = heads_[index];
    Sequence& s = h.sequence();
    const std::size_t length = s.length(), count = tokens.size();
    Head* const next = index + 1 < heads_.size() ? &heads_[index + 1] : nullptr;
    const auto pass = [&]() -> Status {
        if (next != nullptr) HEARTH_TRY(make_room(*next, count));
        HEARTH_TRY(s.append(tokens));
        HEARTH_ASSIGN(SequenceBatch batch, s.next_batch(count, choose ? 1 : 0));
        batch.inputs = rows;
        batch.states = next != nullptr ? next->rows.as<float>() + next->count * width_ : state_.as<float>();
        batch.states_from = next != nullptr ? 0 : count - 1;
        HEARTH_ASSIGN(float* const logits, h.model->logits_room(1));
        HEARTH_TRY(h.model->forward({&batch, 1}, logits, stop));
        s.done(count, {});
        const std::size_t vocab = h.model->info().vocab;
        if (choose) token_ = static_cast<DraftToken>(std::max_element(logits, logits + vocab) - logits);
        return {};
    };
    Status status = pass();
    if (status.ok() && next != nullptr) next->count += count;
    if (!status.ok() && s.length() > length) (void)s.truncate(length);
    return status;
}

Status Heads::guess(std::span<const DraftToken> tokens, std::size_t most, std::vector<DraftToken>& out,
                    const Stop* stop) {
    out.clear();
    seconds_ = 0;
    Head& first = heads_.front();
    // All states but that of the last token, which the pass gives that the guess is for.
    if (known_.size() + 1 != tokens.size() || common(tokens) != known_.size() || first.count == 0) return {};
    if (std::ranges::any_of(heads_, [](const Head& h) { return h.count > kFew; })) HEARTH_TRY(settle(tokens, 1, stop));
    const auto start = Stop::Clock::now();
    list_.assign(tokens.begin(), tokens.end());
    HEARTH_TRY(run(0, first.rows.as<float>(), tokens.last(first.count), true, stop));
    first.count = 0;
    out.push_back(token_);
    list_.push_back(token_);
    for (std::size_t i = 1; i < std::min(most, heads_.size()); ++i) HEARTH_TRY(settle_one(i, tokens, 0, stop));
    // What follows reads guesses, and is forgotten.
    std::vector<std::pair<std::size_t, std::size_t>> had;
    for (const Head& h : heads_) had.emplace_back(h.sequence().length(), h.count);
    Status status = go_on(most, out, stop);
    for (std::size_t i = 0; i < heads_.size(); ++i) {
        (void)heads_[i].sequence().truncate(had[i].first);
        heads_[i].count = had[i].second;
    }
    seconds_ = std::chrono::duration<double>(Stop::Clock::now() - start).count();
    return status;
}

// Each further head once, then the last of them again and again, with what it made itself in place of a state.
Status Heads::go_on(std::size_t most, std::vector<DraftToken>& out, const Stop* stop) {
    for (std::size_t i = 1; out.size() < most; ++i) {
        const std::size_t index = std::min(i, heads_.size() - 1);
        Head& h = heads_[index];
        const bool again = i >= heads_.size();
        const auto tokens = std::span<const DraftToken>(list_).last(again ? 1 : h.count);
        HEARTH_TRY(run(index, again ? state_.as<float>() : h.rows.as<float>(), tokens, true, stop));
        out.push_back(token_);
        list_.push_back(token_);
    }
    return {};
}

std::shared_ptr<HeadDrafter> Heads::fork() const {
    std::vector<Head> heads;
    for (const Head& h : heads_) {
        auto session = h.session->fork();
        if (!session.ok()) return nullptr;
        Head copy{h.model, *std::move(session)};
        if (!make_room(copy, h.count).ok()) return nullptr;
        if (h.count != 0) std::memcpy(copy.rows.data(), h.rows.data(), h.count * width_ * sizeof(float));
        copy.count = h.count;
        heads.push_back(std::move(copy));
    }
    auto other = std::make_shared<Heads>(std::move(heads), memory_, width_);
    if (!other->begin().ok()) return nullptr;
    other->base_ = base_;
    other->known_ = known_;
    return other;
}

}  // namespace

Result<std::shared_ptr<HeadDrafter>> make_head_drafter(LoadedModel& model, const Session& session) {
    if (model.heads().empty())
        return Status(Code::invalid_argument,
                      model.info().predictors == 0
                          ? "the model has no blocks that predict further tokens (MTP)"
                          : "the model was loaded without its blocks that predict further tokens (MTP)");
    std::vector<Heads::Head> heads;
    for (const auto& head : model.heads()) {
        const Sequence& s = session.sequence();
        HEARTH_ASSIGN(auto own, Session::make(head, {s.context(), s.cache().layout().type, session.chunk()}));
        heads.push_back({head, std::move(own)});
    }
    auto made = std::make_shared<Heads>(std::move(heads), model.runtime()->memory(), model.info().embedding);
    HEARTH_TRY(made->begin());
    return std::shared_ptr<HeadDrafter>(std::move(made));
}

}  // namespace hearth
