#include "hearth/engine/generator.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {
// Tokens of one pass over all sessions: enough for the matrix products, short enough that nobody waits long.
constexpr std::size_t kPassTokens = 512;

using Clock = std::chrono::steady_clock;
double seconds(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }
}  // namespace

struct Generator::Running {
    std::shared_ptr<Session> session;
    void* handle;
    GenerateOptions options;
    std::unique_ptr<Sampler> sampler;
    StreamDecoder decoder;
    StopTexts stops;
    BannedTexts bans;
    std::unique_ptr<Logprobs> logprobs;
    std::unique_ptr<Constraint> constraint;  // behind the last token; null: none
    std::vector<Token> excluded;
    std::uint32_t prompt_tokens = 0, prompt_total = 0, generated = 0;
    std::size_t planned = 0;  // tokens in this pass
    bool last = false;        // it ends with the last token, and gets a row of logits
    std::size_t row = 0;      // which
    bool finished = false;
    Clock::time_point start = Clock::now(), first_token = start;

    GenerateEvent event(EventKind kind) const {
        GenerateEvent e;
        e.kind = kind;
        e.handle = handle;
        e.session = session;
        e.tag = options.tag;
        e.prompt_tokens = prompt_tokens;
        e.prompt_total = prompt_total;
        e.generated_tokens = generated;
        return e;
    }
};

Generator::Generator(std::shared_ptr<LoadedModel> model) : model_(std::move(model)) {}

Generator::~Generator() {
    for (auto& r : running_)
        if (!r->finished) r->session->busy = false;  // a finished one may run elsewhere by now
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
    HEARTH_ASSIGN(auto constraint, begin_constraint(*model_, sampling, options));
    for (Token t : session->sequence().tokens()) sampler->accept(t);
    std::unique_ptr<Running> running(
        new Running{std::move(session), handle, options, std::move(sampler), StreamDecoder(tokenizer, options.special),
                    StopTexts(sampling.list(SamplingList::stop)), BannedTexts(sampling.list(SamplingList::ban), tokenizer),
                    options.logprob ? std::make_unique<Logprobs>(vocab, kernels) : nullptr, std::move(constraint), {}});
    running->session->recall();
    running->prompt_total = static_cast<std::uint32_t>(running->session->sequence().missing());
    running_.reserve(running_.size() + 1);
    // Last: where memory ends, the session stays free.
    if (running->session->busy.exchange(true)) return running_already;
    running_.push_back(std::move(running));
    return {};
}

void Generator::cancel(void* handle) {
    const std::lock_guard lock(cancel_mutex_);
    if (handle == nullptr)
        cancel_all_ = true;
    else
        cancelled_.push_back(handle);
}

void Generator::take_cancellations() {
    const std::lock_guard lock(cancel_mutex_);
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(next_event_));
    next_event_ = 0;
    std::erase_if(events_, [](const GenerateEvent& e) { return e.session->abandoned.load(); });
    for (auto& r : running_) {
        if (r->session->abandoned) r->finished = true;
        if (cancel_all_ || std::ranges::find(cancelled_, r->handle) != cancelled_.end())
            finish(*r, FinishReason::cancelled);
    }
    cancelled_.clear();
    cancel_all_ = false;
}

void Generator::finish(Running& r, FinishReason reason, Status status) {
    if (r.finished) return;
    GenerateEvent e = r.event(EventKind::finish);
    e.reason = reason;
    e.status = std::move(status);
    // A text that is complete only now may be a stop as well.
    if (e.stop = r.stops.push(r.decoder.flush(), e.text); e.stop < 0) e.text += r.stops.flush();
    const auto now = Clock::now();
    e.prompt_seconds = seconds(r.start, r.generated != 0 ? r.first_token : now);
    e.generate_seconds = r.generated != 0 ? seconds(r.first_token, now) : 0;
    events_.push_back(std::move(e));
    // After all that may throw: a session is not free without its last event, nor lost before it.
    r.finished = true;
    r.session->busy = false;
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

// Fills planned_ and batch_; returns the rows of logits. Sessions that decode go first: a long prompt of one does not
// make the others wait for more than a pass.
std::size_t Generator::plan() {
    planned_.clear();
    batch_.clear();
    std::size_t budget = kPassTokens, rows = 0;
    for (auto& r : running_) r->planned = 0;
    auto take = [&](Running& r, std::size_t count) {
        r.planned = count;
        r.last = count >= r.session->sequence().missing();
        auto batch = r.session->sequence().next_batch(count, r.last ? 1 : 0);
        if (!batch.ok()) return finish(r, FinishReason::error, std::move(batch).status());
        r.row = rows;
        rows += r.last ? 1 : 0;
        budget -= std::min(budget, count);
        planned_.push_back(&r);
        batch_.push_back(*batch);
    };
    for (auto& r : running_)
        if (!r->finished && r->session->sequence().missing() <= 1) take(*r, 1);
    for (auto& r : running_) {
        const std::size_t missing = r->session->sequence().missing();
        if (r->finished || r->planned != 0 || budget == 0) continue;
        take(*r, std::min({missing, r->session->chunk(), budget}));
    }
    return rows;
}

Status Generator::step() {
    take_cancellations();
    sweep();
    // Cancelling ends sessions without a pass, but their last events are still to be fetched.
    if (running_.empty()) return next_event_ == events_.size() ? Status(Code::again, "no session is running") : Status();
    for (auto& r : running_) {
        // Evaluated before it was submitted: its next token needs no pass.
        const Sequence& s = r->session->sequence();
        if (s.missing() == 0) choose(*r, std::vector<float>(s.logits().begin(), s.logits().end()));
    }
    sweep();
    if (running_.empty()) return {};
    const auto guard = model_->runtime()->lock();
    const std::size_t rows = plan();
    if (!batch_.empty()) {
        auto logits = model_->logits_room(std::max<std::size_t>(rows, 1));
        Status status = logits.ok() ? model_->forward(batch_, *logits) : logits.status();
        for (Running* r : planned_) {
            if (!status.ok()) {
                finish(*r, FinishReason::error, status);
                continue;
            }
            const std::span<const float> row =
                r->last ? std::span<const float>(*logits + r->row * model_->info().vocab, model_->info().vocab) : std::span<const float>();
            r->session->sequence().done(r->planned, row);
            if (r->prompt_tokens < r->prompt_total) {
                r->prompt_tokens += static_cast<std::uint32_t>(r->planned);
                if (r->options.report_prefill) events_.push_back(r->event(EventKind::prefill));
            }
            if (r->last) choose(*r, row);
        }
    }
    sweep();
    return {};
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
