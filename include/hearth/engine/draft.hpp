// Speculation: guesses of the next tokens that one pass tries all at once (Leviathan et al. 2023, "Fast Inference from
// Transformers via Speculative Decoding"). Every token is chosen from the model's own logits as it would be without
// guesses, and these have the same bits in any batch: so guesses change nothing but the time.
// Thread class: one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/base/stop.hpp"

namespace hearth {

class LoadedModel;
class Session;

using DraftToken = std::int32_t;

class Drafter {
public:
    static constexpr std::size_t kMost = 16;  // tokens of a guess

    virtual ~Drafter() = default;
    // What may follow `tokens`: at most `most` tokens into `out`; none where it has no idea. The runtime's lock is held.
    // Code::cancelled where `stop` says so.
    virtual Status guess(std::span<const DraftToken> tokens, std::size_t most, std::vector<DraftToken>& out,
                         const Stop* stop) = 0;
    // That the last guess took, without what there was to read before it; 0 where it is not worth mention.
    virtual double seconds() const { return 0; }
    // Of the pass that is computed next, over `count` tokens from `position` on, of which those that stand in `tokens` are the
    // session's: where its states go, [count, embedding]; null where they are not wanted. The runtime's lock is held.
    virtual float* states(std::span<const DraftToken> /*tokens*/, std::size_t /*position*/, std::size_t /*count*/) { return nullptr; }
    // That pass is over: `tokens` are the session's, and the states of the first `count` of the pass are theirs.
    virtual void computed(std::span<const DraftToken> /*tokens*/, std::size_t /*count*/) {}
    // Gives its cache back, for others: it knows nothing then.
    virtual void release() {}
};

// What followed the last occurrence of the longest suffix that occurred before, of two tokens and more (Saxena 2023,
// "Prompt Lookup Decoding").
std::unique_ptr<Drafter> make_lookup_drafter();
// The most probable tokens of a smaller model of the same runtime, which must spell the tokens that both have alike. Its
// cache takes memory like a session of `context` tokens.
Result<std::unique_ptr<Drafter>> make_model_drafter(LoadedModel& target, std::shared_ptr<LoadedModel> draft,
                                                    std::size_t context);

// The model's own heads for further tokens (multi-token prediction; DeepSeek-V3, 2024, section 2.2; GGUF's nextn), which
// read the states that passes compute: of what was computed before it was made, or is not computed because a store or a
// blob has it, it knows nothing. Belongs to a session and lives with it; forks have one of their own.
class HeadDrafter : public Drafter {
public:
    // One that knows as much; null where memory ends.
    virtual std::shared_ptr<HeadDrafter> fork() const = 0;
    // Of its cache and the states that wait.
    virtual std::uint64_t bytes() const = 0;
};
// Where the model has heads (LoadedModel::heads). Its cache takes memory as further layers of the session's would.
Result<std::shared_ptr<HeadDrafter>> make_head_drafter(LoadedModel& model, const Session& session);

// How many tokens to guess: as many as make the most tokens a second by what was seen so far, of the times of passes and
// of guesses that came true. 0 where guessing loses; then it is tried now and then.
class DraftPace {
public:
    explicit DraftPace(std::size_t most) : most_(most < Drafter::kMost ? most : Drafter::kMost) {}
    // Of the next guess, in a pass that has `others` tokens beside this sequence's.
    std::size_t next(std::size_t others);
    // That a guess of so many took so long, and how many of its tokens came true.
    void guessed(std::size_t tokens, double seconds);
    void tried(std::size_t tokens, std::size_t came_true);
    // A pass of so many tokens, of which nothing is known but that they were decoded.
    void passed(std::size_t tokens, double seconds);
    // Of a pass of so many tokens, as expected; 0: not known yet.
    double seconds(std::size_t tokens) const;

private:
    std::size_t most_;
    double truth_ = 0.7;             // of one token's coming true where those before it did
    double guess_seconds_ = 0;       // of one token of a guess
    std::size_t quiet_ = 0;          // tokens since guessing was given up
    // Of passes, decaying: weight, tokens, seconds and their products.
    std::array<double, 5> sums_{};
};

}  // namespace hearth
