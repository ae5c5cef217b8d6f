// Values that models write in the notation of Python, or in Gemma's with marks for quotes, read as JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

class LiteralReader {
public:
    // With a `quote`, strings stand between two of it and keys stand bare.
    explicit LiteralReader(std::string_view text, std::string_view quote = {}) : text_(text), quote_(quote) {}

    // The whole text as one value.
    std::optional<std::string> whole();
    // Appends the value here as JSON; false: there is none.
    bool value(std::string& out);

    void skip_space();
    bool take(char c);
    // A name: letters, digits, '_', '.', '-'.
    std::string_view word();
    bool at_end() const { return at_ == text_.size(); }
    std::size_t at() const { return at_; }
    void go(std::size_t at) { at_ = at; }

private:
    bool string(std::string& out);
    bool list(std::string& out, char close);
    bool object(std::string& out);
    bool key(std::string& out);
    bool scalar(std::string& out);
    bool escape(std::string& text);

    std::string_view text_, quote_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

// Finds where a bracketed text ends, as it arrives.
class BracketScanner {
public:
    explicit BracketScanner(std::string_view quote) : quote_(quote) {}
    // Goes over text from `at` on; true: the bracket that was opened first is closed before `at`. Waits before what
    // may be the beginning of a quote unless `final`.
    bool scan(std::string_view text, std::size_t& at, bool final);

private:
    std::string_view quote_;
    std::size_t depth_ = 0;
    char open_ = 0;  // the quote that a string began with
    bool escaped_ = false;
};

}  // namespace hearth::text
