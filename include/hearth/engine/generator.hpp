// Generation over one or many sessions of a model: submit, step, events. Pull only: the callback form of the C interface
// is a loop around it. One thread at a time; cancel from any.
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
enum class FinishReason : std::uint32_t { none = 0, stop = 1, length = 2, context = 3, cancelled = 4, error = 5 };

struct GenerateOptions {
    std::uint32_t max_tokens = 0;  // 0: no limit of its own
    bool ignore_eos = false;
    bool special = false;
    bool keep_logits = false;
    bool report_prefill = false;
    bool logprob = false;        // of each token, and
    std::uint32_t top_logprobs = 0;  // of the most probable ones
    void* tag = nullptr;
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
};

// At the beginning of the text that the settings ask for; null where they do not.
Result<std::unique_ptr<Constraint>> begin_constraint(LoadedModel& model, const Sampling& sampling,
                                                     const GenerateOptions& options);

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
    // Null: all. Takes effect with the next step or submit, on what runs then. Any thread.
    void cancel(void* handle);
    const std::shared_ptr<LoadedModel>& model() const { return model_; }

private:
    struct Running;
    void finish(Running& r, FinishReason reason, Status status = {});
    void choose(Running& r, std::span<const float> logits);
    Result<Token> draw(Running& r, std::span<const float> logits);
    static Result<bool> constrained_end(Running& r, Token token);
    void take_cancellations();
    std::size_t plan();
    void sweep();

    std::shared_ptr<LoadedModel> model_;
    std::vector<std::unique_ptr<Running>> running_;
    std::vector<Running*> planned_;
    std::vector<SequenceBatch> batch_;
    std::vector<GenerateEvent> events_;  // from next_event_ on; a vector, whose memory stays
    std::size_t next_event_ = 0;
    std::mutex cancel_mutex_;
    std::vector<void*> cancelled_;
    bool cancel_all_ = false;
};

}  // namespace hearth
