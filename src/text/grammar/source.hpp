// A text with a place in it, which errors tell as line and column. Thread class: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/base/cat.hpp"
#include "hearth/base/hex.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text::grammar {

class Source {
public:
    // `what` ("the grammar") stands before every message. The text must be valid UTF-8.
    Source(std::string_view text, std::string_view what) : text_(text), what_(what) {}

    static Status check(std::string_view text, std::string_view what, std::size_t most) {
        if (text.size() > most)
            return {Code::unsupported, cat(what, " has ", text.size(), " bytes; at most ", most, " are supported")};
        const std::size_t valid = utf8_valid_prefix(text);
        if (valid != text.size()) return {Code::invalid_utf8, cat(what, " is not UTF-8 at byte ", valid)};
        return {};
    }

    bool done() const { return at_ == text_.size(); }
    std::size_t at() const { return at_; }
    void go(std::size_t at) { at_ = at; }
    char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
    bool sees(std::string_view expected) const { return text_.substr(at_).starts_with(expected); }
    bool take(std::string_view expected) {
        if (!sees(expected)) return false;
        at_ += expected.size();
        return true;
    }
    std::uint32_t code_point() { return utf8_next(text_, at_); }  // not at the end
    std::string_view from(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

    // `digits` of hexadecimal, or nothing taken and false.
    bool hex(std::size_t digits, std::uint32_t& out) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const int digit = hex_value(peek(i));
            if (digit < 0) return false;
            value = value * 16 + static_cast<std::uint32_t>(digit);
        }
        at_ += digits;
        out = value;
        return true;
    }
    // Decimal digits, at least one, up to 4294967294.
    bool number(std::uint32_t& out) {
        std::uint64_t value = 0;
        std::size_t i = 0;
        for (; peek(i) >= '0' && peek(i) <= '9'; ++i) {
            value = value * 10 + static_cast<std::uint64_t>(peek(i) - '0');
            if (value > 0xfffffffe) return false;
        }
        if (i == 0) return false;
        at_ += i;
        out = static_cast<std::uint32_t>(value);
        return true;
    }

    Status error(std::string_view sentence) const { return error_at(at_, sentence); }
    Status error_at(std::size_t place, std::string_view sentence, Code code = Code::invalid_argument) const {
        std::size_t line = 1, column = 1;
        for (std::size_t i = 0; i < place && i < text_.size(); ++i) {
            if (text_[i] == '\n') {
                ++line;
                column = 1;
            } else if ((text_[i] & 0xc0) != 0x80) {
                ++column;
            }
        }
        return {code, cat(what_, ", line ", line, ", column ", column, ": ", sentence)};
    }

private:
    std::string_view text_, what_;
    std::size_t at_ = 0;
};

}  // namespace hearth::text::grammar
