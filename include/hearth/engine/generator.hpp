// Generation over one or many sessions of a model: submit, step, events. Pull only: the callback form of the C interface
// is a loop around it. One thread at a time; cancel from any.
//
// Each step is one pass over what all running sessions need next: first those that decode, then prompts, which share what
// is left of kPassTokens, so that a long one neither stops the others' tokens nor a short prompt behind it. Where memory
// ends, the session that was submitted last gives its cache up and is computed again once there is room: its tokens stay
// the same, as they do in any batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hearth/engine/engine.hpp"
#include "hearth/runtime/sampling.hpp"
#include "hearth/runtime/watched_text.hpp"

namespace hearth {

enum class EventKind : std::uint32_t { token = 1, finish = 2, prefill = 3 };
enum class FinishReason : std::uint32_t { none = 0, stop = 1, length = 2, context = 3, cancelled = 4, error = 5, deadline = 6 };
// Who guesses the tokens that a pass tries (draft.hpp).
enum class Draft : std::uint32_t { none = 0, lookup = 1, model = 2, heads = 3 };

struct GenerateOptions {
    std::uint32_t max_tokens = 0;  // 0: no limit of its own
    bool ignore_eos = false;
    bool special = false;
    bool keep_logits = false;
    bool report_prefill = false;
    bool logprob = false;        // of each token, and
    std::uint32_t top_logprobs = 0;  // of the most probable ones
    void* tag = nullptr;
    std::uint32_t deadline_ms = 0;  // after submit; 0: none
    Draft draft = Draft::none;
    std::uint32_t draft_tokens = 0;  // at most, of a pass; 0: 8
    std::shared_ptr<LoadedModel> draft_model;
};

struct GenerateStats {
    double wait_seconds = 0;         // from submit to its first pass
    std::uint32_t passes = 0;        // that it took part in
    std::uint32_t reused_tokens = 0; // that were in the cache when it was submitted
    std::uint32_t preemptions = 0;   // times that its cache was given to others
    std::uint32_t drafted_tokens = 0, accepted_tokens = 0;
    double draft_speedup = 1;        // of decoding, by the times of its passes
};

struct GenerateEvent {
    EventKind kind = EventKind::token;
    FinishReason reason = FinishReason::none;
    void* handle = nullptr;  // what submit was given
    std::shared_ptr<Session> session;
    void* tag = nullptr;
    Token token = -1;
    std::string text;
    Status status;
    std::vector<float> logits;
    std::vector<TokenLogprob> logprobs;  // of the token, then of the most probable ones
    int stop = -1;                       // which text ended it
    std::uint32_t prompt_tokens = 0, prompt_total = 0, generated_tokens = 0;
    double prompt_seconds = 0, generate_seconds = 0;
    GenerateStats stats;
};

// At the beginning of the text that the settings ask for; null where they do not. `prompt`: the tokens before it.
Result<std::unique_ptr<Constraint>> begin_constraint(LoadedModel& model, const Sampling& sampling,
                                                     const GenerateOptions& options, std::span<const Token> prompt);

class Generator {
public:
    explicit Generator(std::shared_ptr<LoadedModel> model);
    ~Generator();

    // `handle` identifies the session in events and cancel.
    Status submit(std::shared_ptr<Session> session, void* handle, const Sampling& sampling, const GenerateOptions& options);
    // One pass over all running sessions; Code::again when none is running.
    Status step();
    // False when there is none.
    bool next_event(GenerateEvent& event);
    // Null: all. Takes effect within the pass that is being computed, else with the next step or submit. Any thread. A pass
    // that others take part in goes on where their recurrent states would be lost with it.
    void cancel(void* handle);
    const std::shared_ptr<LoadedModel>& model() const { return model_; }

private:
    struct Running;
    // While it lives, cancel() and deadlines stop the pass.
    class Pass;
    void finish(Running& r, FinishReason reason, Status status = {});
    void choose(Running& r, std::span<const float> logits);
    Result<Token> draw(Running& r, std::span<const float> logits);
    static Result<bool> constrained_end(Running& r, Token token);
    Status speculate(Running& r);
    void guess(const Stop& stop);
    void take_cancellations();
    void choose_known(Running& r);
    std::size_t plan();
    Status take(Running& r, std::size_t count, std::size_t& rows);
    void preempt(Running& r);
    bool make_room(const Running& wanting);
    bool others_hold(const Running& r) const;
    bool give_way();
    void resume();
    void recall();
    Status compute(const Stop& stop);
    void take_rows(Running& r, const float* rows, double seconds, std::size_t tokens);
    void sweep();

    std::shared_ptr<LoadedModel> model_;
    std::vector<std::unique_ptr<Running>> running_;  // in the order of submission
    std::vector<Running*> planned_;
    std::vector<SequenceBatch> batch_;
    std::vector<GenerateEvent> events_;  // from next_event_ on; a vector, whose memory stays
    std::size_t next_event_ = 0;
    std::uint64_t ended_ = 0;  // sessions, so far
    bool repeatable_;  // a pass that is stopped costs those nothing but its time who are not

    std::mutex cancel_mutex_;
    std::vector<void*> cancelled_, taken_;
    bool cancel_all_ = false;
    Pass* pass_ = nullptr;
    std::vector<void*> handles_;  // of the sessions of pass_
};

}  // namespace hearth
