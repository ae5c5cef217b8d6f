#include "engine/generator_pass.hpp"

#include <algorithm>

#include "engine/running.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

// Tokens of one pass over all sessions: enough for the matrix products, short enough that nobody waits long.
constexpr std::size_t kPassTokens = 512;
constexpr std::size_t kFewest = 32;  // of a prompt: fewer are hardly cheaper

}  // namespace

void Generator::preempt(Running& r) {
    if (r.session->sequence().cache_bytes() != 0) ++r.stats.preemptions;
    r.session->sequence().release();
    if (r.drafter != nullptr) r.drafter->release();
    r.waiting = true;
    r.recalled = false;
    r.waits_since = ended_;
}

// The cache of the session that was submitted last, of those that this pass has not taken, goes. False where it is that of
// nobody who came after `wanting`.
bool Generator::make_room(const Running& wanting) {
    for (auto it = running_.rbegin(); it != running_.rend() && it->get() != &wanting; ++it) {
        Running& r = **it;
        if (r.finished || r.planned != 0 || r.session->sequence().cache_bytes() == 0) continue;
        preempt(r);
        return true;
    }
    return false;
}

bool Generator::others_hold(const Running& r) const {
    return std::ranges::any_of(running_, [&](const auto& o) {
        return o.get() != &r && !o->finished && o->session->sequence().cache_bytes() != 0;
    });
}

// The pass found no memory: without the last of those that hold some it may. False where there is but one.
bool Generator::give_way() {
    Running& last = **std::ranges::max_element(planned_, {}, [&](const Running* r) {
        return std::ranges::find(running_, r, [](const auto& o) { return o.get(); }) - running_.begin();
    });
    if (make_room(last)) return true;
    if (!others_hold(last)) return false;
    preempt(last);
    return true;
}

Status Generator::take(Running& r, std::size_t count, std::size_t& rows) {
    Sequence& s = r.session->sequence();
    r.last = count >= s.missing();
    while (true) {
        auto batch = s.next_batch(count, r.last ? 1 : 0, r.draft);
        if (batch.ok()) {
            batch_.push_back(*batch);
            if (r.drafter != nullptr) {
                const auto start = Clock::now();
                batch_.back().states = r.drafter->states(s.tokens(), batch->position, batch->tokens.size());
                if (r.generated != 0) r.spent_seconds += seconds_between(start, Clock::now());
            }
            break;
        }
        if (!batch.status().no_memory()) return std::move(batch).status();
        if (!r.draft.empty()) {
            r.draft.clear();
            continue;
        }
        if (make_room(r) || (planned_.empty() && model_->give_back())) continue;
        if (!others_hold(r)) return std::move(batch).status();
        preempt(r);  // it came last, or those after it are in this pass
        return {};
    }
    r.planned = count;
    r.row = rows;
    rows += r.last ? 1 + r.draft.size() : 0;
    planned_.push_back(&r);
    return {};
}

// Those that gave their cache up go on when another has ended and there is room for all they have, the first of them in
// any case when nobody else runs.
void Generator::resume() {
    bool any = std::ranges::any_of(running_, [](const auto& r) { return r->active(); });
    std::uint64_t left = model_->runtime()->memory()->left();
    for (auto& r : running_) {
        if (r->finished || !r->waiting) continue;
        const Sequence& s = r->session->sequence();
        const std::uint64_t needed = KvCache::bytes_for(s.cache().layout(), std::min(s.length() + kSpan, s.context()), kPassTokens);
        if (any && (r->waits_since == ended_ || needed > left)) return;  // in the order of submission: nobody overtakes
        r->waiting = false;
        left -= std::min(left, needed);
        any = true;
    }
}

// Fills planned_ and batch_; returns the rows of logits.
std::size_t Generator::plan() {
    planned_.clear();
    batch_.clear();
    std::size_t budget = kPassTokens, rows = 0, prompts = 0;
    for (auto& r : running_) r->planned = 0;
    const auto add = [&](Running& r, std::size_t count) {
        if (Status s = take(r, count, rows); !s.ok()) finish(r, FinishReason::error, std::move(s));
        budget -= std::min(budget, r.planned + (r.planned != 0 ? r.draft.size() : 0));
    };
    for (auto& r : running_) {
        if (!r->active()) continue;
        if (r->decodes())
            add(*r, r->session->sequence().missing());
        else
            ++prompts;
    }
    for (auto& r : running_) {
        if (!r->active() || r->planned != 0 || budget == 0 || prompts == 0) continue;
        r->draft.clear();
        const std::size_t share = std::max(budget / prompts--, kFewest);
        add(*r, std::min({r->session->sequence().missing(), r->session->chunk(), share, budget}));
    }
    return rows;
}

// What prefix stores have of the prompts.
void Generator::recall() {
    for (auto& r : running_) {
        if (!r->active() || r->recalled) continue;
        r->recalled = true;
        Sequence& s = r->session->sequence();
        s.recall(1);
        if (!r->begun && r->generated == 0) r->count_prompt();
        choose_known(*r);
    }
}

// What the tokens after those of each session may be.
void Generator::guess(const Stop& stop) {
    std::size_t others = 0;
    for (const auto& r : running_) others += r->active() && r->decodes() ? 1 : 0;
    for (auto& r : running_) {
        r->draft.clear();
        if (r->drafter == nullptr || !r->active() || r->generated == 0 || !r->decodes()) continue;
        const Sequence& s = r->session->sequence();
        // The token that this pass gives needs no guess, and none goes beyond the last.
        std::size_t most = s.context() - s.length();
        if (r->options.max_tokens != 0) most = std::min<std::size_t>(most, r->options.max_tokens - r->generated);
        most = std::min(r->pace.next(others - 1), most - std::min<std::size_t>(most, 1));
        if (most == 0) continue;
        const auto start = Clock::now();
        // Guesses are no more than that: where there is none, for lack of memory too, it goes on without.
        if (!r->drafter->guess(s.tokens(), most, r->draft, &stop).ok()) r->draft.clear();
        r->pace.guessed(r->draft.size(), r->drafter->seconds());
        r->spent_seconds += seconds_between(start, Clock::now());
    }
}

// The rows of a session's pass, which took so long with so many tokens.
void Generator::take_rows(Running& r, const float* rows, double seconds, std::size_t tokens) {
    const std::size_t vocab = model_->info().vocab;
    const auto row = [&](std::size_t i) { return std::span(rows + (r.row + i) * vocab, vocab); };
    Sequence& s = r.session->sequence();
    s.done(r.planned, r.last ? row(0) : std::span<const float>());
    const bool decoded = r.generated != 0;
    const auto keep = [&](std::size_t count) {
        if (r.drafter == nullptr) return;
        const auto start = Clock::now();
        r.drafter->computed(s.tokens(), count);
        if (decoded) r.spent_seconds += seconds_between(start, Clock::now());
    };
    if (!r.last) return keep(r.planned);
    std::size_t came_true = 0;
    const std::uint32_t before = r.generated;
    for (std::size_t i = 0;; ++i) {
        choose(r, row(i));
        if (r.finished || i == r.draft.size() || s.tokens().back() != r.draft[i]) break;
        s.confirm(row(i + 1));
        ++came_true;
    }
    keep(r.planned + came_true);
    if (!decoded || r.drafter == nullptr) return;
    r.stats.drafted_tokens += static_cast<std::uint32_t>(r.draft.size());
    r.stats.accepted_tokens += static_cast<std::uint32_t>(came_true);
    if (!r.draft.empty() && !r.finished) r.pace.tried(r.draft.size(), came_true);
    const double plain = r.pace.seconds(tokens - r.draft.size());
    r.plain_seconds += (plain != 0 ? plain : seconds) * std::max<std::uint32_t>(r.generated - before, 1);
    r.spent_seconds += seconds;
}

// A token that needs no pass: of a session that was evaluated before it was submitted, or that a prefix store has whole.
void Generator::choose_known(Running& r) {
    const Sequence& s = r.session->sequence();
    if (!r.finished && s.missing() == 0) choose(r, std::vector<float>(s.logits().begin(), s.logits().end()));
}

Status Generator::compute(const Stop& stop) {
    const auto turn = model_->runtime()->lock(&stop);
    if (!turn) return {};
    resume();
    recall();
    guess(stop);
    const std::size_t rows = plan();
    if (batch_.empty()) return {};
    const auto start = Clock::now();
    std::size_t tokens = 0;
    bool decodes = true;
    for (Running* r : planned_) {
        if (!r->begun) r->stats.wait_seconds = seconds_between(r->start, start);
        r->begun = true;
        tokens += r->planned + r->draft.size();
        decodes = decodes && r->generated != 0;
    }
    auto logits = model_->logits_room(std::max<std::size_t>(rows, 1));
    Status status = logits.ok() ? model_->forward(batch_, *logits, &stop) : logits.status();
    if (status.code() == Code::cancelled) return {};  // whoever did not ask for it is planned again
    const double took = seconds_between(start, Clock::now());
    if (status.no_memory() && give_way()) return {};
    for (std::size_t i = 0; i < planned_.size(); ++i) {
        Running* const r = planned_[i];
        if (!status.ok()) {
            finish(*r, FinishReason::error, status);
            continue;
        }
        ++r->stats.passes;
        if (decodes) r->pace.passed(tokens, took);
        if (r->prompt_tokens < r->prompt_total) {
            const std::size_t behind = r->prompt_end - std::min(r->prompt_end, batch_[i].position + r->planned);
            const auto done = r->prompt_total - static_cast<std::uint32_t>(std::min<std::size_t>(r->prompt_total, behind));
            if (done > r->prompt_tokens) {
                r->prompt_tokens = done;
                if (r->options.report_prefill) events_.push_back(r->event(EventKind::prefill));
            }
        }
        take_rows(*r, *logits, took, tokens);
    }
    return {};
}

Status Generator::step() {
    take_cancellations();
    sweep();
    // Cancelling ends sessions without a pass, but their last events are still to be fetched.
    if (running_.empty()) return next_event_ == events_.size() ? Status(Code::again, "no session is running") : Status();
    for (auto& r : running_) choose_known(*r);
    sweep();
    if (running_.empty()) return {};
    {
        const Pass pass(*this);
        HEARTH_TRY(compute(pass.stop()));
    }
    take_cancellations();
    sweep();
    return {};
}

}  // namespace hearth
