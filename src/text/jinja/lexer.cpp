#include "text/jinja/lexer.hpp"

#include <algorithm>
#include <array>

#include "hearth/base/cat.hpp"
#include "hearth/base/hex.hpp"
#include "hearth/base/utf8.hpp"
#include "text/jinja/ast.hpp"
#include "text/jinja/python_text.hpp"

namespace hearth::text::jinja {

namespace {

struct Operator {
    std::string_view text;
    Token token;
};
// Longer ones first.
constexpr std::array<Operator, 26> kOperators = {
    Operator{"//", Token::floordiv}, Operator{"**", Token::pow},      Operator{"==", Token::eq},
    Operator{"!=", Token::ne},       Operator{">=", Token::ge},       Operator{"<=", Token::le},
    Operator{"+", Token::add},       Operator{"-", Token::sub},       Operator{"/", Token::div},
    Operator{"*", Token::mul},       Operator{"%", Token::mod},       Operator{"~", Token::tilde},
    Operator{"[", Token::lbracket},  Operator{"]", Token::rbracket},  Operator{"(", Token::lparen},
    Operator{")", Token::rparen},    Operator{"{", Token::lbrace},    Operator{"}", Token::rbrace},
    Operator{">", Token::gt},        Operator{"<", Token::lt},        Operator{"=", Token::assign},
    Operator{".", Token::dot},       Operator{":", Token::colon},     Operator{"|", Token::pipe},
    Operator{",", Token::comma},     Operator{";", Token::semicolon},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
public:
    explicit Lexer(const std::string& source) : source_(source) {}

    Status run(std::vector<Lexeme>& out) {
        out_ = &out;
        while (pos_ < source_.size()) HEARTH_TRY(text());
        add(Token::end, pos_);
        return {};
    }

private:
    Status fail(std::size_t at, std::string_view message) const {
        return {Code::malformed, cat(place(source_, at), ": ", message)};
    }
    void add(Token token, std::size_t at, std::string text = {}) {
        out_->push_back({token, static_cast<std::uint32_t>(at), std::move(text)});
    }
    bool starts(std::string_view part, std::size_t at) const { return source_.compare(at, part.size(), part) == 0; }
    char peek(std::size_t at) const { return at < source_.size() ? source_[at] : '\0'; }
    // Where the white space at `at` ends.
    std::size_t skip_space(std::size_t at) const {
        return source_.size() - strip_left(std::string_view(source_).substr(at)).size();
    }
    bool word(std::size_t& at, std::string_view name) const {
        at = skip_space(at);
        if (!starts(name, at)) return false;
        at += name.size();
        return true;
    }
    // After a tag that ended at pos_: what the next text is stripped of.
    void end_tag(std::size_t begin) { line_starting_ = pos_ > begin && source_[pos_ - 1] == '\n'; }

    // The text up to the next tag, with what that tag takes away from its end.
    void add_text(std::size_t begin, std::size_t end, char sign, bool variable) {
        std::string_view text = std::string_view(source_).substr(begin, end - begin);
        if (sign == '-') {
            text = strip_right(text);
        } else if (sign != '+' && !variable) {
            const std::size_t newline = text.rfind('\n');
            const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
            if ((line > 0 || line_starting_) && line < text.size() && strip_left(text.substr(line)).empty())
                text = text.substr(0, line);
        }
        if (!text.empty()) add(Token::text, begin, std::string(text));
    }
    static char sign_of(char c) { return c == '-' || c == '+' ? c : '\0'; }

    Status text() {
        const std::size_t begin = pos_;
        std::size_t tag = begin;
        while (
            tag + 1 < source_.size() &&
            !(source_[tag] == '{' && (source_[tag + 1] == '{' || source_[tag + 1] == '%' || source_[tag + 1] == '#')))
            ++tag;
        if (tag + 1 >= source_.size()) {
            add(Token::text, begin, source_.substr(begin));
            pos_ = source_.size();
            return {};
        }
        const char kind = source_[tag + 1], sign = sign_of(peek(tag + 2));
        pos_ = tag + 2 + (sign != '\0' ? 1 : 0);
        if (kind == '%') {
            std::size_t at = pos_;
            if (word(at, "raw")) {
                at = skip_space(at);
                const bool minus = starts("-%}", at);
                if (minus || starts("%}", at)) {
                    add_text(begin, tag, sign, false);
                    pos_ = minus ? skip_space(at + 3) : at + 2;
                    end_tag(tag);
                    return raw(tag);
                }
            }
        }
        add_text(begin, tag, sign, kind == '{');
        if (kind == '#') return comment(tag);
        add(kind == '{' ? Token::variable_begin : Token::block_begin, tag);
        return inside(tag, kind == '{');
    }

    Status comment(std::size_t tag) {
        const std::size_t end = source_.find("#}", pos_);
        if (end == std::string::npos) return fail(tag, "this comment has no end: expected '#}'");
        const char sign = end > pos_ ? sign_of(source_[end - 1]) : '\0';
        pos_ = end + 2;
        if (sign == '-') pos_ = skip_space(pos_);
        if (sign == '\0' && peek(pos_) == '\n') ++pos_;
        end_tag(tag);
        return {};
    }

    Status raw(std::size_t tag) {
        const std::size_t begin = pos_;
        for (std::size_t at = begin;; ++at) {
            at = source_.find("{%", at);
            if (at == std::string::npos) return fail(tag, "this raw block has no end: expected '{% endraw %}'");
            const char sign = sign_of(peek(at + 2));
            std::size_t end = at + 2 + (sign != '\0' ? 1 : 0);
            if (!word(end, "endraw")) continue;
            end = skip_space(end);
            const char last = sign_of(peek(end));
            if (last != '\0') ++end;
            if (!starts("%}", end)) continue;
            add_text(begin, at, sign, false);
            pos_ = end + 2;
            if (last == '-') pos_ = skip_space(pos_);
            if (last == '\0' && peek(pos_) == '\n') ++pos_;
            end_tag(at);
            return {};
        }
    }

    bool tag_end(bool variable, std::size_t tag) {
        const std::string_view closing = variable ? "}}" : "%}";
        const std::size_t at = pos_;
        char sign = peek(at);
        sign = sign == '-' || (sign == '+' && !variable) ? sign : '\0';
        const std::size_t close = at + (sign != '\0' ? 1 : 0);
        if (!starts(closing, close)) return false;
        pos_ = close + 2;
        if (sign == '-') pos_ = skip_space(pos_);
        if (sign == '\0' && !variable && peek(pos_) == '\n') ++pos_;
        add(variable ? Token::variable_end : Token::block_end, at);
        end_tag(tag);
        return true;
    }

    Status inside(std::size_t tag, bool variable) {
        std::vector<char> open;
        while (true) {
            pos_ = skip_space(pos_);
            if (pos_ >= source_.size())
                return fail(tag, cat("this tag has no end: expected '", variable ? "}}" : "%}", "'"));
            if (open.empty() && tag_end(variable, tag)) return {};
            const char c = source_[pos_];
            if (is_digit(c)) {
                HEARTH_TRY(number());
            } else if (c == '\'' || c == '"') {
                HEARTH_TRY(string(c));
            } else if (name()) {
                continue;
            } else {
                HEARTH_TRY(punctuation(open));
            }
        }
    }

    Status punctuation(std::vector<char>& open) {
        for (const Operator& o : kOperators) {
            if (!starts(o.text, pos_)) continue;
            const char c = o.text[0];
            if (c == '(' || c == '[' || c == '{') open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
            if (c == ')' || c == ']' || c == '}') {
                if (open.empty()) return fail(pos_, cat("unexpected '", c, "'"));
                if (open.back() != c) return fail(pos_, cat("unexpected '", c, "', expected '", open.back(), "'"));
                open.pop_back();
            }
            add(o.token, pos_);
            pos_ += o.text.size();
            return {};
        }
        std::size_t end = pos_;
        utf8_next(source_, end);
        return fail(pos_, cat("unexpected character '", source_.substr(pos_, end - pos_), "'"));
    }

    bool name() {
        std::size_t end = pos_;
        while (end < source_.size()) {
            std::size_t next = end;
            if (!is_word(utf8_next(source_, next))) break;
            end = next;
        }
        if (end == pos_) return false;
        add(Token::name, pos_, source_.substr(pos_, end - pos_));
        pos_ = end;
        return true;
    }

    // Digits with single underscores between them, appended to `out`.
    std::size_t digits(std::size_t at, int base, std::string& out) const {
        while (true) {
            const std::size_t digit = at + (peek(at) == '_' ? 1 : 0);
            const int value = hex_value(peek(digit));
            if (value < 0 || value >= base) return at;
            out += source_[digit];
            at = digit + 1;
        }
    }

    Status number() {
        const std::size_t begin = pos_;
        std::string text;
        const char second = static_cast<char>(peek(pos_ + 1) | 0x20);
        const int base = source_[pos_] != '0' ? 10 : second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
        if (base != 10) {
            const std::size_t end = digits(pos_ + 2, base, text);
            if (!text.empty()) {
                std::int64_t value = 0;
                if (!parse_integer(text, base, value)) return fail(begin, "this integer has more than 64 bits");
                pos_ = end;
                add(Token::integer, begin, cat(value));
                return {};
            }
        }
        std::size_t end = digits(pos_, 10, text);
        bool real = false;
        // A number that follows a dot is an index: a.0.1 is not a.(0.1), but Jinja has no such thing either.
        std::string fraction;
        if (peek(end) == '.') {
            const std::size_t after = digits(end + 1, 10, fraction);
            if (!fraction.empty() && peek(end + 1) != '_') {
                text += '.' + fraction;
                end = after;
                real = true;
            }
        }
        if ((peek(end) | 0x20) == 'e') {
            std::string exponent;
            std::size_t at = end + 1;
            const char sign = sign_of(peek(at));
            if (sign != '\0') ++at;
            const std::size_t after = digits(at, 10, exponent);
            if (!exponent.empty() && peek(at) != '_') {
                text += cat("e", sign == '-' ? "-" : "", exponent);
                end = after;
                real = true;
            }
        }
        if (!real && text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos) {
            // As Python's lexer: zeros first, then another number, which no grammar allows.
            end = pos_ + 1;
            text = "0";
        }
        pos_ = end;
        add(real ? Token::real : Token::integer, begin, std::move(text));
        return {};
    }

    Status string(char quote) {
        const std::size_t begin = pos_;
        std::string text;
        for (++pos_; pos_ < source_.size() && source_[pos_] != quote;) {
            if (source_[pos_] != '\\')
                text += source_[pos_++];
            else
                HEARTH_TRY(escape(text));
        }
        if (pos_ >= source_.size()) return fail(begin, cat("this string has no end: expected ", quote));
        ++pos_;
        add(Token::string, begin, std::move(text));
        return {};
    }

    // `count` hexadecimal digits at `at`; -1 where there are fewer.
    std::int64_t hex(std::size_t at, std::size_t count) const {
        std::int64_t value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const int digit = hex_value(peek(at + i));
            if (digit < 0) return -1;
            value = value * 16 + digit;
        }
        return value;
    }

    Status escape(std::string& out) {
        static constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
        const std::size_t at = pos_;
        const char c = peek(at + 1);
        pos_ += 2;
        if (const std::size_t which = letters.find(c); which != std::string_view::npos && c != '\0') {
            out += meanings[which];
        } else if (c == '\n') {
        } else if (c >= '0' && c <= '7') {
            int value = c - '0';
            for (int i = 0; i < 2 && peek(pos_) >= '0' && peek(pos_) <= '7'; ++i)
                value = value * 8 + (source_[pos_++] - '0');
            utf8_append(out, static_cast<std::uint32_t>(value));
        } else if (c == 'x' || c == 'u' || c == 'U') {
            const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
            std::int64_t value = hex(pos_, count);
            if (value < 0) return fail(at, cat("'\\", c, "' needs ", count, " hexadecimal digits"));
            pos_ += count;
            if (value >= 0xd800 && value < 0xdc00 && peek(pos_) == '\\' && peek(pos_ + 1) == 'u') {
                const std::int64_t low = hex(pos_ + 2, 4);
                if (low >= 0xdc00 && low < 0xe000) {
                    value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
                    pos_ += 6;
                }
            }
            if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
                return fail(at, cat("'", source_.substr(at, count + 2), "' is no Unicode character"));
            utf8_append(out, static_cast<std::uint32_t>(value));
        } else if (c == 'N') {
            return fail(at, "characters by their names (\\N{…}) are not known here");
        } else {
            out += '\\';
            --pos_;  // what follows stands for itself
        }
        return {};
    }

    const std::string& source_;
    std::vector<Lexeme>* out_ = nullptr;
    std::size_t pos_ = 0;
    bool line_starting_ = true;
};

}  // namespace

std::string normalize_newlines(std::string_view source) {
    std::string out;
    out.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            out += source[i];
            continue;
        }
        out += '\n';
        if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

Result<std::vector<Lexeme>> lex(const std::string& source) {
    std::vector<Lexeme> out;
    HEARTH_TRY(Lexer(source).run(out));
    return out;
}

std::string describe(const Lexeme& lexeme) {
    switch (lexeme.token) {
        case Token::text:
            return "text of the template";
        case Token::variable_begin:
            return "'{{'";
        case Token::variable_end:
            return "'}}'";
        case Token::block_begin:
            return "'{%'";
        case Token::block_end:
            return "'%}'";
        case Token::name:
        case Token::integer:
        case Token::real:
            return cat("'", lexeme.text, "'");
        case Token::string:
            return "a string";
        case Token::end:
            return "the end of the template";
        default:
            break;
    }
    const auto found =
        std::find_if(kOperators.begin(), kOperators.end(), [&](const Operator& o) { return o.token == lexeme.token; });
    return found != kOperators.end() ? cat("'", found->text, "'") : std::string("a token");
}

std::string place(const std::string& source, std::size_t at) {
    const std::string_view before = std::string_view(source).substr(0, std::min(at, source.size()));
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const std::size_t newline = before.rfind('\n');
    const std::size_t column = code_points(newline == std::string_view::npos ? before : before.substr(newline + 1)) + 1;
    return cat("line ", line, ", column ", column);
}

}  // namespace hearth::text::jinja
