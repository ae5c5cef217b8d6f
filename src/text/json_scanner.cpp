#include "text/json_scanner.hpp"

#include <cstddef>

#include "hearth/base/hex.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text {

namespace {

// Deeper nesting than any tool's arguments have; whoever reads the text afterwards may recurse.
constexpr std::size_t kDepth = 256;

constexpr std::string_view kHex = "0123456789abcdef";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void JsonScanner::reset() { *this = JsonScanner(); }

JsonScanner::State JsonScanner::closed() {
    if (stack_.empty()) {
        at_ = At::finished;
        return State::done;
    }
    at_ = At::after;
    return State::more;
}

JsonScanner::State JsonScanner::open_value(char c) {
    switch (c) {
        case '{':
        case '[':
            if (stack_.size() == kDepth) return State::bad;
            stack_ += c;
            at_ = c == '{' ? At::key_or_end : At::item_or_end;
            return State::more;
        case '"':
            key_ = false;
            at_ = At::string;
            return State::more;
        case 't':
            rest_ = "rue";
            break;
        case 'f':
            rest_ = "alse";
            break;
        case 'n':
            rest_ = "ull";
            break;
        case '-':
            at_ = At::minus;
            return State::more;
        case '0':
            at_ = At::zero;
            return State::more;
        default:
            at_ = At::integer;
            return is_digit(c) ? State::more : State::bad;
    }
    at_ = At::literal;
    return State::more;
}

bool JsonScanner::number_takes(char c) {
    const bool digit = is_digit(c), e = c == 'e' || c == 'E';
    switch (at_) {
        case At::minus:
            if (!digit) return false;
            at_ = c == '0' ? At::zero : At::integer;
            return true;
        case At::zero:
        case At::integer:
            if (digit) return at_ == At::integer;
            if (c != '.' && !e) return false;
            at_ = e ? At::exponent : At::point;
            return true;
        case At::point:
        case At::fraction:
            if (e && at_ == At::fraction)
                at_ = At::exponent;
            else if (digit)
                at_ = At::fraction;
            else
                return false;
            return true;
        case At::exponent:
            if (c == '+' || c == '-') {
                at_ = At::sign;
                return true;
            }
            [[fallthrough]];
        default:
            if (digit) at_ = At::digits;
            return digit;
    }
}

JsonScanner::State JsonScanner::take(char c, bool& used) {
    used = true;
    if (in_number()) {
        if (number_takes(c)) return State::more;
        if (!number_whole()) return State::bad;
        if (closed() == State::done) {
            used = false;
            return State::done;
        }
    }
    switch (at_) {
        case At::string:
            if (c == '\\') at_ = At::escape;
            if (c != '"') return State::more;
            if (!key_) return closed();
            at_ = At::colon;
            return State::more;
        case At::escape:
            if (c == 'u') {
                hex_ = 0;
                at_ = At::hex;
                return State::more;
            }
            at_ = At::string;
            return c != '\0' && std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos ? State::more
                                                                                                 : State::bad;
        case At::hex:
            if (hex_value(c) < 0) return State::bad;
            if (++hex_ == 4) at_ = At::string;
            return State::more;
        case At::literal:
            if (c != rest_.front()) return State::bad;
            rest_.remove_prefix(1);
            return rest_.empty() ? closed() : State::more;
        default:
            break;
    }
    if (is_space(c)) return State::more;
    switch (at_) {
        case At::value:
            return open_value(c);
        case At::item_or_end:
            if (c != ']') return open_value(c);
            stack_.pop_back();
            return closed();
        case At::key_or_end:
            if (c == '}') {
                stack_.pop_back();
                return closed();
            }
            [[fallthrough]];
        case At::key:
            key_ = true;
            at_ = At::string;
            return c == '"' ? State::more : State::bad;
        case At::colon:
            at_ = At::value;
            return c == ':' ? State::more : State::bad;
        case At::after:
            if (c == ',') {
                at_ = stack_.back() == '{' ? At::key : At::value;
                return State::more;
            }
            if (c != (stack_.back() == '{' ? '}' : ']')) return State::bad;
            stack_.pop_back();
            return closed();
        default:
            used = false;
            return State::done;
    }
}

JsonScanner::State JsonScanner::end() const {
    if (at_ == At::finished || (stack_.empty() && number_whole())) return State::done;
    return State::bad;
}

void append_json_byte(std::string& out, char c, bool in_string) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 || !in_string) {
        out += c;
        return;
    }
    constexpr std::string_view kFrom = "\n\t\r\b\f", kTo = "ntrbf";
    out += '\\';
    if (const std::size_t at = kFrom.find(c); at != std::string_view::npos) {
        out += kTo[at];
        return;
    }
    out += "u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
}

void append_json_string(std::string& out, std::string_view text, bool ensure_ascii) {
    const auto unit = [&](std::uint32_t u) {
        out += "\\u";
        for (int shift = 12; shift >= 0; shift -= 4) out += kHex[u >> shift & 15];
    };
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (!ensure_ascii || static_cast<unsigned char>(c) <= 0x7e) {
            if (c == '"' || c == '\\') out += '\\';
            append_json_byte(out, c, true);
            ++i;
            continue;
        }
        const std::uint32_t code = utf8_next(text, i);
        if (code < 0x10000) {
            unit(code);
        } else {
            unit(0xd800 + ((code - 0x10000) >> 10));
            unit(0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    out += '"';
}

bool is_json(std::string_view text) {
    JsonScanner scanner;
    bool used = true;
    for (const char c : text) {
        const bool raw = scanner.in_string() && static_cast<unsigned char>(c) < 0x20;
        if (raw) return false;
        const JsonScanner::State state = scanner.take(c, used);
        if (state == JsonScanner::State::bad) return false;
        if (!used && !is_space(c)) return false;
    }
    return scanner.end() == JsonScanner::State::done;
}

}  // namespace hearth::text
