// A session while a generator runs it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "hearth/engine/draft.hpp"
#include "hearth/engine/generator.hpp"

namespace hearth {

using Clock = Stop::Clock;
inline double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

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
    std::vector<Token> excluded = {};
    std::uint32_t prompt_tokens = 0, prompt_total = 0, generated = 0;
    std::size_t prompt_end = 0;  // in the session
    std::size_t planned = 0;     // tokens in this pass, without a draft's
    bool last = false;           // they end with the last token, which gets a row of logits
    std::size_t row = 0;         // which
    bool finished = false;
    bool waiting = false;  // its cache was given to others
    std::uint64_t waits_since = 0;  // how many had ended then
    GenerateStats stats = {};
    Clock::time_point start = Clock::now(), first_token = start, deadline = Clock::time_point::max();
    bool begun = false;     // some pass has taken it
    bool recalled = false;  // what a prefix store has of it was taken over

    std::shared_ptr<Drafter> drafter = nullptr;  // null: it does not guess
    DraftPace pace{0};
    std::vector<Token> draft = {};  // of this pass
    double plain_seconds = 0, spent_seconds = 0;  // that its tokens would have taken one by one, and did

    bool active() const { return !finished && !waiting; }
    // Before its first pass: how much of the prompt there is to evaluate.
    void count_prompt() {
        const Sequence& s = session->sequence();
        prompt_total = static_cast<std::uint32_t>(s.missing());
        stats.reused_tokens = static_cast<std::uint32_t>(s.length() - s.missing());
    }
    // It can be run elsewhere, or freed.
    void let_go() {
        session->runs_in(nullptr, nullptr);
        session->busy = false;
    }
    // The pass of a prompt takes long, the others do not.
    bool decodes() const {
        const std::size_t missing = session->sequence().missing();
        return missing <= (generated != 0 ? Drafter::kMost + 1 : 1);
    }

    GenerateEvent event(EventKind kind) const {
        GenerateEvent e;
        e.kind = kind;
        e.handle = handle;
        e.session = session;
        e.tag = options.tag;
        e.prompt_tokens = prompt_tokens;
        e.prompt_total = prompt_total;
        e.generated_tokens = generated;
        e.stats = stats;
        return e;
    }
};

}  // namespace hearth
