// ECMA-262 patterns with the `u` flag (section 22.2.1), as far as they are regular.
#include "text/grammar/regex.hpp"

#include <utf8proc.h>

#include <optional>

#include "hearth/text/grammar.hpp"
#include "text/grammar/read_choice.hpp"
#include "text/grammar/source.hpp"

namespace hearth {

namespace text::grammar {

namespace {

// A class of many ranges takes kilobytes for each time that it is named.
constexpr std::size_t kMostPattern = std::size_t{1} << 16;

// General categories by their names: "L", "Lu". utf8proc's own names are those of UnicodeData.txt.
std::optional<CodeSet> category(std::string_view name) {
    if (name.empty() || name.size() > 2) return std::nullopt;
    CodeSet set;
    bool known = name == "C" || name == "Cn" || name == "Cs";
    for (std::uint32_t code = 0; code <= kLastCode; ++code) {
        const std::string_view found = utf8proc_category_string(static_cast<utf8proc_int32_t>(code));
        if (!found.starts_with(name)) continue;
        known = true;
        if (!set.empty() && set.back().high + 1 == code)
            set.back().high = code;
        else
            set.push_back({code, code});
    }
    if (!known) return std::nullopt;
    return normalized(std::move(set));
}

CodeSet digits() { return {{'0', '9'}}; }
CodeSet words() { return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}; }
// WhiteSpace and LineTerminator of ECMA-262.
CodeSet blanks() {
    return {{0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
            {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
}
CodeSet line_ends() { return {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}; }

class Regex {
public:
    Regex(Ir& ir, std::string_view pattern, std::string_view what, Match match, const Emit& emit)
        : in_(pattern, what), ir_(ir), match_(match), emit_(emit) {}

    Result<Expr> run() {
        HEARTH_ASSIGN(const Expr out, choice(0));
        if (!in_.done()) return in_.error("')' closes nothing");
        return out;
    }

private:
    Expr chars(const CodeSet& set) { return emit_(ir_, set); }

    Result<Expr> choice(std::size_t depth) {
        return read_choice(in_, ir_, depth, [&] { return sequence(depth); });
    }
    bool at_end_of_way() const { return in_.done() || in_.peek() == '|' || in_.peek() == ')'; }

    Result<Expr> sequence(std::size_t depth) {
        std::vector<Expr> parts;
        const bool anywhere = match_ == Match::anywhere && depth == 0;
        bool anchored_begin = false, anchored_end = false;
        while (in_.peek() == '^') {
            if (depth > 0) return in_.error_at(in_.at(), "'^' within a group is not supported", Code::unsupported);
            in_.take("^");
            anchored_begin = true;
        }
        const auto anything = [&] { return ir_.repeat(chars(any_code()), 0, kUnbounded); };
        if (anywhere && !anchored_begin) parts.push_back(anything());
        while (!at_end_of_way()) {
            const std::size_t begin = in_.at();
            if (in_.peek() == '^')
                return in_.error_at(begin, "'^' stands at the beginning of a pattern only", Code::unsupported);
            if (in_.take("$")) {
                anchored_end = true;
                if (depth > 0) return in_.error_at(begin, "'$' within a group is not supported", Code::unsupported);
                if (in_.peek() != '$' && !at_end_of_way())
                    return in_.error_at(begin, "'$' stands at the end of a pattern only", Code::unsupported);
                continue;
            }
            HEARTH_ASSIGN(Expr part, atom(depth));
            HEARTH_ASSIGN(part, quantified(part));
            parts.push_back(part);
        }
        if (anywhere && !anchored_end) parts.push_back(anything());
        return parts.empty() ? ir_.empty() : ir_.sequence(std::move(parts));
    }

    Result<Expr> quantified(Expr part) {
        const std::size_t begin = in_.at();
        std::uint32_t low = 0, high = kUnbounded;
        if (in_.take("*")) {
        } else if (in_.take("+")) {
            low = 1;
        } else if (in_.take("?")) {
            high = 1;
        } else if (in_.take("{")) {
            if (!in_.number(low)) return in_.error("a number of repetitions is expected");
            high = low;
            if (in_.take(",")) {
                if (in_.peek() == '}')
                    high = kUnbounded;
                else if (!in_.number(high))
                    return in_.error("a number of repetitions is expected");
            }
            if (!in_.take("}")) return in_.error("'}' is expected");
            if (low > high) return in_.error_at(begin, cat("at least ", low, " repetitions but at most ", high));
        } else {
            return part;
        }
        // Lazy or not, the same texts match.
        if (!in_.take("?") && (in_.peek() == '+' || in_.peek() == '*' || in_.peek() == '{'))
            return in_.error("a repetition of a repetition; possessive ones are not supported");
        return ir_.repeat(part, low, high);
    }

    Result<Expr> atom(std::size_t depth) {
        const std::size_t begin = in_.at();
        if (in_.take("(")) {
            if (in_.take("?")) {
                if (in_.sees("=") || in_.sees("!") || in_.sees("<=") || in_.sees("<!"))
                    return in_.error_at(begin, "lookaround is not supported", Code::unsupported);
                if (in_.take("<") || in_.take("P<")) {
                    while (!in_.done() && in_.peek() != '>') in_.go(in_.at() + 1);
                    if (!in_.take(">")) return in_.error_at(begin, "the name of a group is never closed");
                } else if (!in_.take(":")) {
                    return in_.error_at(begin, "flags and other groups that begin with '(?' are not supported",
                                        Code::unsupported);
                }
            }
            HEARTH_ASSIGN(const Expr inner, choice(depth + 1));
            if (!in_.take(")")) return in_.error_at(begin, "'(' is never closed");
            return inner;
        }
        if (in_.take("[")) {
            HEARTH_ASSIGN(const CodeSet set, char_class(begin));
            return chars(set);
        }
        if (in_.take(".")) return chars(complement(line_ends()));
        if (in_.take("\\")) {
            HEARTH_ASSIGN(const CodeSet set, escaped(begin, false));
            return chars(set);
        }
        const char c = in_.peek();
        if (c == '*' || c == '+' || c == '?' || c == '{') return in_.error(cat("'", c, "' repeats nothing"));
        const std::uint32_t code = in_.code_point();
        return chars({{code, code}});
    }

    Result<CodeSet> escaped(std::size_t begin, bool in_class) {
        if (in_.done()) return in_.error_at(begin, "the pattern ends behind a backslash");
        const std::uint32_t c = in_.code_point();
        const auto one = [](std::uint32_t code) { return CodeSet{{code, code}}; };
        switch (c) {
            case 'd':
                return digits();
            case 'D':
                return complement(digits());
            case 'w':
                return words();
            case 'W':
                return complement(words());
            case 's':
                return blanks();
            case 'S':
                return complement(blanks());
            case 't':
                return one('\t');
            case 'n':
                return one('\n');
            case 'r':
                return one('\r');
            case 'v':
                return one('\v');
            case 'f':
                return one('\f');
            case 'b':
                if (in_class) return one('\b');
                [[fallthrough]];
            case 'B':
                return in_.error_at(begin, "word boundaries are not supported", Code::unsupported);
            case 'A':
            case 'z':
            case 'Z':
                return in_.error_at(begin, "anchors other than '^' and '$' are not supported", Code::unsupported);
            case 'k':
                return in_.error_at(begin, "backreferences are not supported", Code::unsupported);
            case 'p':
            case 'P': {
                std::string name;
                if (in_.take("{")) {
                    while (!in_.done() && in_.peek() != '}') name += static_cast<char>(in_.code_point());
                    if (!in_.take("}")) return in_.error_at(begin, "'{' is never closed");
                } else if (!in_.done()) {
                    name = std::string(1, static_cast<char>(in_.code_point()));
                }
                auto known = ir_.named_sets.find(name);
                if (known == ir_.named_sets.end()) {
                    auto set = category(name);
                    if (!set)
                        return in_.error_at(begin,
                                            cat("property '", name, "' is not supported, general categories are"),
                                            Code::unsupported);
                    known = ir_.named_sets.emplace(name, *std::move(set)).first;
                }
                return c == 'p' ? known->second : complement(known->second);
            }
            case 'c': {
                const char letter = in_.peek();
                if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')))
                    return in_.error_at(begin, "a letter is expected behind \\c");
                in_.go(in_.at() + 1);
                return one(static_cast<std::uint32_t>(letter) & 31);
            }
            case 'x':
            case 'u':
                return hexadecimal(begin, c);
            default:
                break;
        }
        if (c == '0' && !(in_.peek() >= '0' && in_.peek() <= '9')) return one(0);
        if (c >= '0' && c <= '9') return in_.error_at(begin, "backreferences are not supported", Code::unsupported);
        if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            return in_.error_at(begin, "an unknown escape");
        return one(c);
    }
    Result<CodeSet> hexadecimal(std::size_t begin, std::uint32_t kind) {
        std::uint32_t code = 0;
        bool good = false;
        if (kind == 'x') {
            good = in_.hex(2, code);
        } else if (in_.take("{")) {
            std::size_t count = 0;
            while (in_.peek(count) != '}' && count < 9) ++count;
            good = count >= 1 && count <= 6 && in_.hex(count, code) && in_.take("}");
        } else {
            good = in_.hex(4, code);
            std::uint32_t low = 0;
            if (good && code >= 0xd800 && code < 0xdc00 && in_.take("\\u") && in_.hex(4, low) && low >= 0xdc00 &&
                low < 0xe000)
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        if (!good) return in_.error_at(begin, "hexadecimal digits are expected: \\xHH, \\uHHHH or \\u{H}");
        if (code > kLastCode || (code >= 0xd800 && code <= 0xdfff)) return in_.error_at(begin, "no such code point");
        return CodeSet{{code, code}};
    }

    Result<CodeSet> char_class(std::size_t begin) {
        const bool negated = in_.take("^");
        CodeSet all;
        const auto member = [&]() -> Result<CodeSet> {
            const std::size_t place = in_.at();
            if (in_.done()) return in_.error_at(begin, "'[' is never closed");
            if (in_.take("\\")) return escaped(place, true);
            if (in_.sees("[:")) return in_.error_at(place, "POSIX classes are not supported", Code::unsupported);
            const std::uint32_t code = in_.code_point();
            return CodeSet{{code, code}};
        };
        while (!in_.take("]")) {
            const std::size_t place = in_.at();
            HEARTH_ASSIGN(CodeSet set, member());
            if (in_.peek() == '-' && in_.peek(1) != ']' && in_.peek(1) != '\0') {
                in_.take("-");
                HEARTH_ASSIGN(const CodeSet last, member());
                const auto single = [](const CodeSet& s) { return s.size() == 1 && s[0].low == s[0].high; };
                if (!single(set) || !single(last))
                    return in_.error_at(place, "a range between what is not one character");
                if (set[0].low > last[0].low) return in_.error_at(place, "a range ends before it begins");
                set[0].high = last[0].low;
            }
            all.insert(all.end(), set.begin(), set.end());
        }
        all = normalized(std::move(all));
        return negated ? complement(all) : all;
    }

    Source in_;
    Ir& ir_;
    Match match_;
    const Emit& emit_;
};

}  // namespace

Result<Expr> parse_regex(Ir& ir, std::string_view pattern, std::string_view what, Match match, const Emit& emit) {
    HEARTH_TRY(Source::check(pattern, what, kMostPattern));
    return Regex(ir, pattern, what, match, emit).run();
}

}  // namespace text::grammar

Result<std::shared_ptr<const Grammar>> Grammar::from_regex(std::string_view pattern) {
    using namespace text::grammar;
    Ir ir;
    const Rule root = ir.declare("the pattern");
    const Emit plain = [](Ir& out, const CodeSet& set) { return out.set(set); };
    HEARTH_ASSIGN(const Expr body, parse_regex(ir, pattern, "pattern", Match::whole, plain));
    ir.define(root, body);
    HEARTH_ASSIGN(auto automaton, compile(ir, root));
    return std::shared_ptr<const Grammar>(std::make_shared<Grammar>(std::move(automaton)));
}

}  // namespace hearth
