// Texts that end a generation, and texts that must not be generated.
// Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/tokenizer.hpp"

namespace hearth {

// Holds text back for as long as it may be the beginning of a stop.
class StopTexts {
public:
    explicit StopTexts(std::vector<std::string> stops) : stops_(std::move(stops)) {}
    bool empty() const { return stops_.empty(); }
    // Appends to `out` what can be given out of the text so far. The number of the stop that is complete, of several
    // the one that begins first, else -1; what stands before it was given out then, and nothing more will be.
    int push(std::string_view text, std::string& out);
    // At the end: what was held back.
    std::string flush();

private:
    std::vector<std::string> stops_;
    std::string held_;
};

class BannedTexts {
public:
    BannedTexts(std::vector<std::string> texts, const Tokenizer& tokenizer);
    bool empty() const { return texts_.empty(); }
    // Whether one of the texts would be complete with it, in what was accepted and this token.
    bool completed_by(Token token) const;
    // All tokens of which that is so.
    void all_completing(std::size_t vocab, std::vector<Token>& out) const;
    void accept(Token token);

private:
    std::vector<std::string> texts_;
    const Tokenizer& tokenizer_;
    std::size_t longest_ = 0;
    std::string tail_;  // bytes of accepted tokens, fewer than the longest text has
};

}  // namespace hearth
