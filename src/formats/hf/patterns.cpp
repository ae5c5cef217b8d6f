#include "formats/hf/patterns.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/hex.hpp"

namespace hearth::formats {

namespace {

// Contents of classes. Outside of classes Oniguruma's \w has six characters of Latin 1 more, which are no letters,
// marks, decimal digits or connectors.
constexpr std::string_view kSpaces =
    "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kClassWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr std::string_view kHexDigits = "0-9a-fA-F";
constexpr std::string_view kAny = "(?s:.)", kNothing = "(?:(?!)x)";

struct Name {
    std::string_view name, contents;
};
// In brackets and as properties; the other names of brackets are refused.
constexpr Name kNames[] = {{"alnum", "\\p{Alphabetic}\\p{Nd}"},
                           {"alpha", "\\p{Alphabetic}"},
                           {"ascii", "\\x00-\\x7f"},
                           {"blank", "\\p{Zs}\\t"},
                           {"cntrl", "\\p{Cc}"},
                           {"digit", "\\p{Nd}"},
                           {"lower", "\\p{Lowercase}"},
                           {"space", kSpaces},
                           {"upper", "\\p{Uppercase}"},
                           {"xdigit", kHexDigits}};
constexpr Name kBracketNames[] = {{"punct", "\\p{P}\\p{S}"}, {"word", kClassWord}};
constexpr Name kPropertyNames[] = {{"punct", "\\p{P}"},
                                   {"word", kWord},
                                   {"whitespace", kSpaces},
                                   {"any", "\\x{0}-\\x{10ffff}"},
                                   {"alphabetic", "\\p{Alphabetic}"},
                                   {"lowercase", "\\p{Lowercase}"},
                                   {"uppercase", "\\p{Uppercase}"},
                                   {"ideographic", "\\p{Ideographic}"},
                                   {"emoji", "\\p{Emoji}"},
                                   {"extendedpictographic", "\\p{Extended_Pictographic}"},
                                   {"math", "\\p{Math}"},
                                   {"letter", "\\p{L}"},
                                   {"mark", "\\p{M}"},
                                   {"number", "\\p{N}"},
                                   {"punctuation", "\\p{P}"},
                                   {"symbol", "\\p{S}"},
                                   {"separator", "\\p{Z}"},
                                   {"other", "\\p{C}"},
                                   {"uppercaseletter", "\\p{Lu}"},
                                   {"lowercaseletter", "\\p{Ll}"},
                                   {"titlecaseletter", "\\p{Lt}"},
                                   {"modifierletter", "\\p{Lm}"},
                                   {"otherletter", "\\p{Lo}"},
                                   {"nonspacingmark", "\\p{Mn}"},
                                   {"spacingmark", "\\p{Mc}"},
                                   {"enclosingmark", "\\p{Me}"},
                                   {"decimalnumber", "\\p{Nd}"},
                                   {"letternumber", "\\p{Nl}"},
                                   {"othernumber", "\\p{No}"},
                                   {"connectorpunctuation", "\\p{Pc}"},
                                   {"dashpunctuation", "\\p{Pd}"},
                                   {"openpunctuation", "\\p{Ps}"},
                                   {"closepunctuation", "\\p{Pe}"},
                                   {"initialpunctuation", "\\p{Pi}"},
                                   {"finalpunctuation", "\\p{Pf}"},
                                   {"otherpunctuation", "\\p{Po}"},
                                   {"mathsymbol", "\\p{Sm}"},
                                   {"currencysymbol", "\\p{Sc}"},
                                   {"modifiersymbol", "\\p{Sk}"},
                                   {"othersymbol", "\\p{So}"},
                                   {"spaceseparator", "\\p{Zs}"},
                                   {"lineseparator", "\\p{Zl}"},
                                   {"paragraphseparator", "\\p{Zp}"},
                                   {"control", "\\p{Cc}"},
                                   {"format", "\\p{Cf}"},
                                   {"privateuse", "\\p{Co}"},
                                   {"unassigned", "\\p{Cn}"}};

constexpr std::size_t kMostDepth = 100;      // of groups and of classes
constexpr std::size_t kMostBytes = 1 << 16;  // of a pattern

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return hex_value(c) >= 0; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// A set of characters: contents of a class, or an expression that takes one character of it.
struct Set {
    std::string contents;  // where there is no expression
    std::string expression;
    std::string text() const {
        if (!expression.empty()) return expression;
        return contents.empty() ? std::string(kNothing) : cat('[', contents, ']');
    }
};
Set contents(std::string_view c) { return {std::string(c), ""}; }
Set all_but(const Set& s) {
    if (!s.expression.empty()) return {"", cat("(?:(?!", s.expression, ")", kAny, ")")};
    return {"", s.contents.empty() ? std::string(kAny) : cat("[^", s.contents, ']')};
}
Set either(const Set& a, const Set& b) {
    if (a.expression.empty() && b.expression.empty()) return contents(a.contents + b.contents);
    if (a.expression.empty() && a.contents.empty()) return b;
    if (b.expression.empty() && b.contents.empty()) return a;
    return {"", cat("(?:", a.text(), '|', b.text(), ')')};
}
Set both(const Set& a, const Set& b) { return {"", cat("(?:(?=", a.text(), ')', b.text(), ')')}; }

class Translator {
public:
    explicit Translator(std::string_view pattern) : p_(pattern) {}

    Result<std::string> run() {
        if (p_.size() > kMostBytes)
            return Status(Code::unsupported,
                          cat("tokenizer.json: a pattern has ", p_.size(), " bytes, expected at most ", kMostBytes));
        groups_.emplace_back();
        while (at_ < p_.size()) HEARTH_TRY(one());
        if (groups_.size() != 1) return refused("has a '(' without ')'");
        out_.append(groups_.back().closings, ')');
        return std::move(out_);
    }

private:
    struct Group {
        std::size_t begin = 0;     // in out_
        std::size_t closings = 0;  // of groups for options that hold to its end
    };
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    template <class... Parts>
    Status refused(const Parts&... parts) const {
        return {Code::unsupported,
                cat("tokenizer.json: the pattern ", quote(p_), ' ', parts..., ", which is not supported")};
    }
    bool more(std::size_t n = 0) const { return at_ + n < p_.size(); }
    char peek(std::size_t n = 0) const { return more(n) ? p_[at_ + n] : '\0'; }
    bool next_is(std::string_view s) const { return p_.substr(at_).starts_with(s); }

    // A character as it is, all its bytes.
    std::string_view character() {
        std::size_t n = 1;
        while (more(n) && (static_cast<unsigned char>(p_[at_ + n]) & 0xc0) == 0x80 &&
               (static_cast<unsigned char>(p_[at_]) & 0x80) != 0)
            ++n;
        const std::string_view c = p_.substr(at_, n);
        at_ += n;
        return c;
    }
    static std::string literal(std::string_view c) {
        const bool plain = c.size() != 1 || is_letter(c[0]) || is_digit(c[0]) ||
                           (static_cast<unsigned char>(c[0]) & 0x80) != 0 || static_cast<unsigned char>(c[0]) < ' ';
        return plain ? std::string(c) : cat('\\', c);
    }
    void atom(std::string_view text) {
        begin_ = out_.size();
        quantified_ = false;
        out_ += text;
    }
    void no_atom(std::string_view text) {
        begin_ = kNone;
        out_ += text;
    }

    Status one() {
        const char c = peek();
        if (c == '\\') return escape();
        if (c == '[') {
            HEARTH_ASSIGN(const Set set, bracket(0));
            atom(set.text());
            return {};
        }
        if (c == '(') return open();
        if (c == ')') return close();
        if (is_one_of(c, "*+?") || (c == '{' && is_bounds())) return quantifier();
        if (is_one_of(c, "|^$")) {
            no_atom(p_.substr(at_++, 1));
            return {};
        }
        if (c == '.') {
            ++at_;
            atom(".");
            return {};
        }
        atom(literal(character()));
        return {};
    }

    // ---- groups ----
    Status open() {
        if (groups_.size() > kMostDepth) return refused("has more than ", kMostDepth, " groups within each other");
        const std::size_t begin = out_.size();
        for (const std::string_view form : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"})
            if (next_is(form)) return opened(begin, form, form.size());
        if (!next_is("(?")) return next_is("(*") ? refused("has (*") : opened(begin, "(", 1);
        if (next_is("(?#")) {
            const std::size_t end = p_.find(')', at_);
            if (end == std::string_view::npos) return refused("has a comment without end");
            at_ = end + 1;
            return {};
        }
        // Options; what Oniguruma calls m lets a dot match newlines.
        std::string options = "(?";
        std::size_t n = 2;
        for (; is_one_of(peek(n), "im-") && more(n); ++n) options += peek(n) == 'm' ? 's' : peek(n);
        if (n == 2 || (peek(n) != ':' && peek(n) != ')')) return refused("has ", quote(p_.substr(at_, n + 1)));
        const bool to_end = peek(n) == ')';
        if (!to_end) return opened(begin, options + ":", n + 1);
        no_atom(options + ":");
        at_ += n + 1;
        if (++groups_.back().closings > kMostDepth) return refused("sets options more than ", kMostDepth, " times");
        return {};
    }
    Status opened(std::size_t begin, std::string_view text, std::size_t taken) {
        groups_.push_back({begin, 0});
        no_atom(text);
        at_ += taken;
        return {};
    }
    Status close() {
        if (groups_.size() == 1) return refused("has a ')' without '('");
        out_.append(groups_.back().closings + 1, ')');
        begin_ = groups_.back().begin;
        quantified_ = false;
        groups_.pop_back();
        ++at_;
        return {};
    }

    // ---- quantifiers ----
    // {n}, {n,}, {,n} or {n,m}; anything else begins with a plain brace.
    bool is_bounds() const {
        std::size_t n = 1, digits = 0, commas = 0;
        for (; is_digit(peek(n)) || peek(n) == ','; ++n) (peek(n) == ',' ? commas : digits) += 1;
        return peek(n) == '}' && digits != 0 && commas <= 1;
    }
    Status quantifier() {
        if (begin_ == kNone) return refused("repeats nothing at byte ", at_);
        if (quantified_) {  // the whole of what is repeated already
            if (++rewrapped_ > kMostDepth) return refused("repeats what is repeated more than ", kMostDepth, " times");
            out_.insert(begin_, "(?:");
            out_ += ')';
        }
        quantified_ = true;
        if (peek() != '{') {
            out_ += p_[at_++];
            if (peek() == '?' || peek() == '+') out_ += p_[at_++];
            return {};
        }
        const std::size_t end = p_.find('}', at_);
        const std::string_view bounds = p_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        out_ += cat('{', bounds.starts_with(',') ? "0" : "", bounds, '}');
        // "{n}?" repeats or not, and only ranges can be lazy; a '+' repeats once more.
        if (peek() == '?' && bounds.find(',') != std::string_view::npos) out_ += p_[at_++];
        return {};
    }

    // ---- escapes ----
    // What stands for a set of characters both in classes and outside; false: it does not.
    Result<bool> set_escape(Set& set, bool in_class) {
        const char c = peek(1);
        switch (c) {
            case 'w':
            case 'W':
                set = contents(in_class ? kClassWord : kWord);
                break;
            case 's':
            case 'S':
                set = contents(kSpaces);
                break;
            case 'd':
            case 'D':
                set = contents("\\p{Nd}");
                break;
            case 'h':
            case 'H':
                set = contents(kHexDigits);
                break;
            case 'p':
            case 'P': {
                HEARTH_ASSIGN(set, property(in_class));
                return true;
            }
            default:
                return false;
        }
        at_ += 2;
        if (c < 'a') set = all_but(set);
        return true;
    }

    Result<Set> property(bool in_class) {
        const bool negated = peek(1) == 'P';
        const std::size_t end = p_.find('}', at_);
        if (peek(2) != '{' || end == std::string_view::npos)
            return refused("has \\", peek(1), " without a name in braces");
        std::string_view name = p_.substr(at_ + 3, end - at_ - 3);
        const bool other = name.starts_with('^');
        name.remove_prefix(other ? 1 : 0);
        std::string simple;
        for (const char c : name) {
            if (is_letter(c)) simple += static_cast<char>(c | 0x20);
            if (!is_letter(c) && !is_one_of(c, " _-")) return refused("has the property ", quote(name));
        }
        if (simple.empty()) return refused("has a property without name");
        at_ = end + 1;
        Set set;
        for (const auto& list : {std::pair(std::begin(kNames), std::end(kNames)),
                                 std::pair(std::begin(kPropertyNames), std::end(kPropertyNames))})
            for (const Name* n = list.first; n != list.second; ++n)
                if (set.contents.empty() && n->name == simple) set = contents(n->contents);
        if (simple == "word" && in_class) set = contents(kClassWord);
        if (set.contents.empty() && simple.size() <= 2) {  // a category
            simple[0] = static_cast<char>(simple[0] & ~0x20);
            set = contents(simple == "Lc" ? "\\p{Lu}\\p{Ll}\\p{Lt}" : cat("\\p{", simple, '}'));
        }
        // A script, by its own characters alone.
        if (set.contents.empty()) set = contents(cat("\\p{sc:", simple, '}'));
        return negated != other ? all_but(set) : set;
    }

    // A character by its escape, as PCRE2 spells it; empty: none.
    Result<std::string> character_escape() {
        const char c = peek(1);
        if (c == 'x' || c == 'u') {
            const bool braces = c == 'x' && peek(2) == '{';
            const std::size_t first = braces ? 3 : 2, most = braces ? 8 : c == 'u' ? 4 : 2;
            std::size_t n = 0;
            while (n < most && is_hex(peek(first + n)) && more(first + n)) ++n;
            const bool whole = braces ? peek(first + n) == '}' : c == 'x' || n == 4;
            const std::string_view digits = p_.substr(at_ + first, n);
            // Bytes that are no character alone.
            if (n == 0 || !whole || (c == 'x' && !braces && n == 2 && digits[0] > '7'))
                return refused("has ", quote(p_.substr(at_, first + n)));
            at_ += first + n + (braces ? 1 : 0);
            return cat("\\x{", digits, '}');
        }
        if (is_digit(c) || is_one_of(c, "kgcCM")) return refused("has \\", c);
        at_ += 1;
        if (is_one_of(c, "tnrfae")) return cat('\\', p_[at_++]);
        if (c == 'v') {
            ++at_;
            return std::string("\\x{b}");
        }
        return literal(character());
    }

    Status escape() {
        if (!more(1)) return refused("ends with a backslash");
        Set set;
        HEARTH_ASSIGN(const bool is_set, set_escape(set, false));
        if (is_set) {
            atom(set.text());
            return {};
        }
        const char c = peek(1);
        const std::string word = cat('[', kWord, ']');
        if (c == 'b' || c == 'B') {
            const bool boundary = c == 'b';
            at_ += 2;
            no_atom(cat("(?:(?<=", word, ")(?", boundary ? '!' : '=', word, ")|(?<!", word, ")(?", boundary ? '=' : '!',
                        word, "))"));
            return {};
        }
        if (is_one_of(c, "AZzG")) {
            no_atom(p_.substr(at_, 2));
            at_ += 2;
            return {};
        }
        if (is_one_of(c, "RN")) {
            atom(p_.substr(at_, 2));
            at_ += 2;
            return {};
        }
        if (c == 'O') {
            atom(kAny);
            at_ += 2;
            return {};
        }
        if (is_one_of(c, "KXyY")) return refused("has \\", c);
        HEARTH_ASSIGN(const std::string text, character_escape());
        atom(text);
        return {};
    }

    // ---- classes ----
    // From '[' to behind its ']'.
    Result<Set> bracket(std::size_t depth) {
        if (depth > kMostDepth) return refused("has more than ", kMostDepth, " classes within each other");
        ++at_;
        const bool negated = peek() == '^';
        at_ += negated ? 1 : 0;
        Set all, current;
        bool first = true, intersected = false;
        for (;; first = false) {
            if (!more()) return refused("has a '[' without ']'");
            if (peek() == ']' && !first) break;
            if (next_is("&&")) {
                at_ += 2;
                all = intersected ? both(all, current) : current;
                intersected = true;
                current = {};
                continue;
            }
            HEARTH_ASSIGN(const Set member, of_class(depth));
            current = either(current, member);
            if (current.expression.size() > kMostBytes) return refused("has a class that is too long");
        }
        ++at_;
        const Set set = intersected ? both(all, current) : current;
        return negated ? all_but(set) : set;
    }

    Result<Set> of_class(std::size_t depth) {
        if (next_is("[:")) {
            const std::size_t end = p_.find(":]", at_ + 2);
            const std::string_view name = p_.substr(at_ + 2, std::min(end, p_.size()) - at_ - 2);
            if (end != std::string_view::npos &&
                std::ranges::all_of(name, [](char c) { return is_letter(c) || c == '^'; })) {
                at_ = end + 2;
                return named(name);
            }
        }
        if (peek() == '[') return bracket(depth + 1);
        if (peek() == '\\') {
            Set set;
            if (!more(1)) return refused("ends with a backslash");
            HEARTH_ASSIGN(const bool is_set, set_escape(set, true));
            if (is_set) {
                if (peek() == '-' && more(1) && peek(1) != ']') return refused("has a range that begins with a class");
                return set;
            }
        }
        HEARTH_ASSIGN(std::string text, member());
        if (peek() != '-' || !more(1) || is_one_of(peek(1), "][") || (peek(1) == '&' && peek(2) == '&'))
            return contents(text);
        ++at_;
        if (peek() == '\\' && is_one_of(peek(1), "wWsSdDhHpP")) return refused("has a range that ends with a class");
        HEARTH_ASSIGN(const std::string last, member());
        return contents(cat(text, '-', last));
    }

    // One character of a class.
    Result<std::string> member() {
        if (peek() != '\\') return literal(character());
        if (!more(1)) return refused("ends with a backslash");
        if (peek(1) == 'b') {
            at_ += 2;
            return std::string("\\x{8}");
        }
        if (is_one_of(peek(1), "RXNOKyYB")) return refused("has \\", peek(1), " in a class");
        return character_escape();
    }

    Result<Set> named(std::string_view name) const {
        const bool negated = name.starts_with('^');
        name.remove_prefix(negated ? 1 : 0);
        for (const auto& list : {std::pair(std::begin(kNames), std::end(kNames)),
                                 std::pair(std::begin(kBracketNames), std::end(kBracketNames))})
            for (const Name* n = list.first; n != list.second; ++n)
                if (n->name == name) return negated ? all_but(contents(n->contents)) : contents(n->contents);
        return refused("has [:", name, ":]");
    }

    std::string_view p_;
    std::size_t at_ = 0;
    std::string out_;
    std::vector<Group> groups_;
    std::size_t begin_ = kNone;  // in out_, of what a quantifier would repeat
    bool quantified_ = false;
    std::size_t rewrapped_ = 0;
};

}  // namespace

Result<std::string> pcre_pattern(std::string_view oniguruma) { return Translator(oniguruma).run(); }

}  // namespace hearth::formats
