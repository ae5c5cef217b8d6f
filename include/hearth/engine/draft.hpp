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
};

// What followed the last occurrence of the longest suffix that occurred before, of two tokens and more (Saxena 2023,
// "Prompt Lookup Decoding").
std::unique_ptr<Drafter> make_lookup_drafter();
// The most probable tokens of a smaller model of the same runtime, which must spell the tokens that both have alike. Its
// cache takes memory like a session of `context` tokens.
Result<std::unique_ptr<Drafter>> make_model_drafter(LoadedModel& target, std::shared_ptr<LoadedModel> draft,
                                                    std::size_t context);

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
