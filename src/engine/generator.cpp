#include "hearth/engine/generator.hpp"

#include <algorithm>

#include "engine/generator_pass.hpp"
#include "engine/running.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

Generator::Generator(std::shared_ptr<LoadedModel> model) : model_(std::move(model)) {
    const auto& kv = model_->info().kv;
    repeatable_ = std::ranges::all_of(kv, [](const KvShape& s) { return s.state_floats == 0; });
}

Generator::~Generator() {
    for (auto& r : running_)
        if (!r->finished) r->let_go();  // else it may run elsewhere by now
}

Status Generator::submit(std::shared_ptr<Session> session, void* handle, const Sampling& sampling,
                         const GenerateOptions& options) {
    if (session->model() != model_) return {Code::invalid_argument, "the session belongs to another model than the generator"};
    take_cancellations();  // they are for what was running when they were asked for
    Status running_already(Code::bad_state, "the session is already running");
    if (session->busy) return running_already;  // then its sequence is another's to look at
    if (session->sequence().length() == 0) return {Code::bad_state, "the session has no tokens to continue"};
    const auto& tokenizer = *model_->tokenizer();
    const auto vocab = model_->info().vocab;
    const KernelTable& kernels = model_->runtime()->kernels();
    HEARTH_ASSIGN(auto sampler, Sampler::make(sampling, vocab, kernels, &tokenizer));
    HEARTH_ASSIGN(auto constraint, begin_constraint(*model_, sampling, options, session->sequence().tokens()));
    for (Token t : session->sequence().tokens()) sampler->accept(t);
    std::unique_ptr<Running> running(
        new Running{std::move(session), handle, options, std::move(sampler), StreamDecoder(tokenizer, options.special),
                    StopTexts(sampling.list(SamplingList::stop)), BannedTexts(sampling.list(SamplingList::ban), tokenizer),
                    options.logprob ? std::make_unique<Logprobs>(vocab, kernels) : nullptr, std::move(constraint)});
    running->prompt_end = running->session->sequence().length();
    running->count_prompt();
    if (options.deadline_ms != 0) running->deadline = running->start + std::chrono::milliseconds(options.deadline_ms);
    HEARTH_TRY(speculate(*running));
    running_.reserve(running_.size() + 1);
    // Last: where memory ends, the session stays free.
    if (running->session->busy.exchange(true)) return running_already;
    running->session->runs_in(this, handle);
    running_.push_back(std::move(running));
    return {};
}

Status Generator::speculate(Running& r) {
    constexpr std::size_t kUsual = 8;
    const GenerateOptions& o = r.options;
    if (o.draft_tokens > Drafter::kMost)
        return {Code::invalid_argument, cat("draft_tokens is ", o.draft_tokens, ", expected at most ", Drafter::kMost)};
    r.pace = DraftPace(o.draft_tokens != 0 ? o.draft_tokens : kUsual);
    if (o.draft == Draft::lookup) r.drafter = make_lookup_drafter();
    if (o.draft == Draft::heads) {
        HEARTH_ASSIGN(r.drafter, r.session->head_drafter());
    }
    if (o.draft != Draft::model) return {};
    if (o.draft_model == nullptr) return {Code::invalid_argument, "guesses by a draft model were asked for, and none was given"};
    HEARTH_ASSIGN(r.drafter, make_model_drafter(*model_, o.draft_model, r.session->sequence().context()));
    return {};
}

void Generator::cancel(void* handle) {
    const std::lock_guard lock(cancel_mutex_);
    if (handle == nullptr)
        cancel_all_ = true;
    else
        cancelled_.push_back(handle);
    if (pass_ != nullptr) pass_->cancelled(cancelled_, cancel_all_);
}

void Generator::take_cancellations() {
    bool all = false;
    {
        const std::lock_guard lock(cancel_mutex_);
        taken_.clear();
        taken_.swap(cancelled_);
        std::swap(all, cancel_all_);
    }
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(next_event_));
    next_event_ = 0;
    std::erase_if(events_, [](const GenerateEvent& e) { return e.session->abandoned.load(); });
    const auto now = Clock::now();
    for (auto& r : running_) {
        if (r->session->abandoned && !r->finished) {
            r->finished = true;
            ++ended_;
        }
        if (all || std::ranges::find(taken_, r->handle) != taken_.end()) finish(*r, FinishReason::cancelled);
        if (now >= r->deadline) finish(*r, FinishReason::deadline);
    }
}

void Generator::finish(Running& r, FinishReason reason, Status status) {
    if (r.finished) return;
    GenerateEvent e = r.event(EventKind::finish);
    e.reason = reason;
    e.status = std::move(status);
    // A text that is complete only now may be a stop as well.
    if (e.stop = r.stops.push(r.decoder.flush(), e.text); e.stop < 0) e.text += r.stops.flush();
    const auto now = Clock::now();
    e.prompt_seconds = seconds_between(r.start, r.generated != 0 ? r.first_token : now);
    e.generate_seconds = r.generated != 0 ? seconds_between(r.first_token, now) : 0;
    if (!r.begun) e.stats.wait_seconds = seconds_between(r.start, now);
    if (r.spent_seconds > 0) e.stats.draft_speedup = r.plain_seconds / r.spent_seconds;
    events_.push_back(std::move(e));
    // After all that may throw: a session is not free without its last event, nor lost before it.
    r.finished = true;
    ++ended_;
    r.let_go();
}

// Drops what has finished.
void Generator::sweep() {
    std::erase_if(running_, [](const auto& r) { return r->finished; });
}

// A token that the constraint allows and that completes no banned text.
Result<Token> Generator::draw(Running& r, std::span<const float> logits) {
    constexpr std::size_t kTries = 4;  // then it is cheaper to look at all tokens
    const std::size_t position = r.session->sequence().length();
    r.excluded.clear();
    std::span<const std::uint64_t> allowed;
    if (r.constraint != nullptr) {
        HEARTH_ASSIGN(allowed, r.constraint->mask());
    }
    while (true) {
        const Token token = r.sampler->choose(logits, position, r.excluded, allowed);
        if (token < 0)
            return Status(Code::bad_state, cat(r.constraint != nullptr ? "the constraint, " : "",
                                               "biases and banned texts leave no token for position ", position));
        if (r.bans.empty() || !r.bans.completed_by(token)) return token;
        if (r.excluded.size() < kTries)
            r.excluded.push_back(token);
        else
            r.bans.all_completing(logits.size(), r.excluded);
    }
}

// Whether nothing can follow the token.
Result<bool> Generator::constrained_end(Running& r, Token token) {
    if (r.constraint == nullptr) return false;
    HEARTH_TRY(r.constraint->accept(token));
    return r.constraint->must_end();
}

void Generator::choose(Running& r, std::span<const float> logits) {
    Sequence& sequence = r.session->sequence();
    auto drawn = draw(r, logits);
    if (!drawn.ok()) return finish(r, FinishReason::error, std::move(drawn).status());
    const Token token = *drawn;
    if (r.generated == 0) r.first_token = Clock::now();
    if (!r.options.ignore_eos && model_->tokenizer()->ends_generation(token)) {
        finish(r, FinishReason::stop);
        events_.back().token = token;
        return;
    }
    if (sequence.length() >= sequence.context()) return finish(r, FinishReason::context);
    GenerateEvent e = r.event(EventKind::token);
    if (r.options.keep_logits) e.logits.assign(logits.begin(), logits.end());
    if (Status s = sequence.append({&token, 1}); !s.ok()) return finish(r, FinishReason::error, std::move(s));
    if (r.logprobs != nullptr) {
        const auto all = r.logprobs->of(logits, token, r.options.top_logprobs);
        e.logprobs.assign(all.begin(), all.end());
    }
    r.sampler->accept(token);
    r.bans.accept(token);
    const auto whole = constrained_end(r, token);
    e.generated_tokens = ++r.generated;
    e.token = token;
    const int stop = r.stops.push(r.decoder.push(token), e.text);
    events_.push_back(std::move(e));
    if (stop >= 0) {
        r.decoder.flush();
        finish(r, FinishReason::stop);
        events_.back().stop = stop;
    } else if (!whole.ok())
        finish(r, FinishReason::error, whole.status());
    else if (*whole)
        finish(r, FinishReason::stop);
    else if (r.options.max_tokens != 0 && r.generated >= r.options.max_tokens)
        finish(r, FinishReason::length);
    else if (sequence.length() >= sequence.context())
        finish(r, FinishReason::context);
}

bool Generator::next_event(GenerateEvent& event) {
    while (next_event_ < events_.size()) {
        event = std::move(events_[next_event_++]);
        if (!event.session->abandoned) return true;
    }
    events_.clear();
    next_event_ = 0;
    return false;
}

}  // namespace hearth
