// GBNF: the notation of llama.cpp's grammar files. Rules `name ::= …` of literals, character classes, groups, `.`,
// `|`, and `* + ? {m} {m,} {m,n}`; comments from `#` to the end of the line. A rule goes on until the next `name ::=`.
#include <unordered_map>

#include "hearth/text/grammar.hpp"
#include "text/grammar/ir.hpp"
#include "text/grammar/read_choice.hpp"
#include "text/grammar/source.hpp"

namespace hearth {

using namespace text::grammar;

namespace {

bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Gbnf {
public:
    explicit Gbnf(std::string_view text) : in_(text, "grammar") {}

    Result<std::shared_ptr<const Automaton>> run() {
        for (skip(); !in_.done(); skip()) {
            const std::size_t begin = in_.at();
            const std::string name(take_name());
            if (name.empty()) return in_.error("a rule's name is expected");
            skip();
            if (!in_.take("::=")) return in_.error(cat("'::=' is expected behind the name '", name, "'"));
            const Rule rule = find(name, begin);
            if (ir_.defined(rule)) return in_.error_at(begin, cat("rule '", name, "' has been defined before"));
            HEARTH_ASSIGN(const Expr body, choice(0));
            ir_.define(rule, body);
            if (in_.peek() == ')') return in_.error("')' closes nothing");
        }
        const auto root = rules_.find("root");
        if (root == rules_.end()) return in_.error_at(0, "rule 'root' is missing");
        for (Rule rule = 0; rule < ir_.rules(); ++rule)
            if (!ir_.defined(rule)) return in_.error_at(uses_[rule], cat("rule '", ir_.name(rule), "' is not defined"));
        return compile(ir_, root->second);
    }

private:
    void skip() {
        while (!in_.done()) {
            const char c = in_.peek();
            if (c == '#') {
                while (!in_.done() && in_.peek() != '\n') in_.go(in_.at() + 1);
            } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
                in_.go(in_.at() + 1);
            } else {
                return;
            }
        }
    }
    std::string_view take_name() {
        const std::size_t begin = in_.at();
        while (in_name(in_.peek())) in_.go(in_.at() + 1);
        return in_.from(begin);
    }
    Rule find(const std::string& name, std::size_t place) {
        const auto [at, added] = rules_.try_emplace(name, 0);
        if (added) {
            at->second = ir_.declare(name);
            uses_.push_back(place);
        }
        return at->second;
    }
    // Behind the blanks: the name and '::=' of the next rule.
    bool next_rule() {
        const std::size_t begin = in_.at();
        const bool named = !take_name().empty();
        skip();
        const bool rule = named && in_.sees("::=");
        in_.go(begin);
        return rule;
    }

    Result<Expr> choice(std::size_t depth) {
        return read_choice(in_, ir_, depth, [&] { return sequence(depth); });
    }
    Result<Expr> sequence(std::size_t depth) {
        std::vector<Expr> parts;
        for (skip(); !in_.done() && in_.peek() != '|' && in_.peek() != ')' && !next_rule(); skip()) {
            HEARTH_ASSIGN(Expr part, atom(depth));
            HEARTH_ASSIGN(part, repeated(part));
            parts.push_back(part);
        }
        return parts.empty() ? ir_.empty() : ir_.sequence(std::move(parts));
    }
    Result<Expr> atom(std::size_t depth) {
        const std::size_t begin = in_.at();
        if (in_.take("(")) {
            HEARTH_ASSIGN(const Expr inner, choice(depth + 1));
            if (!in_.take(")")) return in_.error_at(begin, "'(' is never closed");
            return inner;
        }
        if (in_.take("\"")) return literal(begin);
        if (in_.take("[")) return char_class(begin);
        if (in_.take(".")) return ir_.set(any_code());
        if (in_.sees("<") || in_.sees("!"))
            return in_.error_at(begin, "tokens in grammars are not supported", Code::unsupported);
        const std::string name(take_name());
        if (name.empty()) return in_.error("a literal, a class, a group or a rule's name is expected");
        return ir_.rule(find(name, begin));
    }
    Result<Expr> repeated(Expr part) {
        for (std::size_t times = 0;; ++times) {
            const std::size_t before = in_.at();
            skip();
            const std::size_t begin = in_.at();
            std::uint32_t low = 0, high = kUnbounded;
            if (in_.take("*")) {
            } else if (in_.take("+")) {
                low = 1;
            } else if (in_.take("?")) {
                high = 1;
            } else if (in_.take("{")) {
                skip();
                if (!in_.number(low)) return in_.error("a number of repetitions is expected");
                high = low;
                skip();
                if (in_.take(",")) {
                    skip();
                    if (in_.peek() == '}')
                        high = kUnbounded;
                    else if (!in_.number(high))
                        return in_.error("a number of repetitions is expected");
                    skip();
                }
                if (!in_.take("}")) return in_.error("'}' is expected");
                if (low > high) return in_.error_at(begin, cat("at least ", low, " repetitions but at most ", high));
            } else {
                in_.go(before);
                return part;
            }
            if (times == kMostNesting)
                return in_.error_at(begin, cat("more than ", kMostNesting, " repetitions of repetitions"));
            part = ir_.repeat(part, low, high);
        }
    }

    Result<std::uint32_t> escaped() {
        const std::size_t begin = in_.at() - 1;
        std::uint32_t code = 0;
        if (in_.done()) return in_.error_at(begin, "the text ends behind a backslash");
        const std::uint32_t c = in_.code_point();
        switch (c) {
            case 'n':
                return std::uint32_t{'\n'};
            case 'r':
                return std::uint32_t{'\r'};
            case 't':
                return std::uint32_t{'\t'};
            case '\\':
            case '"':
            case '[':
            case ']':
            case '-':
            case '^':
            case '/':
                return c;
            case 'x':
            case 'u':
            case 'U':
                if (!in_.hex(c == 'x' ? 2 : c == 'u' ? 4 : 8, code))
                    return in_.error_at(begin, "hexadecimal digits are expected: \\xHH, \\uHHHH or \\UHHHHHHHH");
                if (code > kLastCode || (code >= 0xd800 && code <= 0xdfff))
                    return in_.error_at(begin, "no such code point");
                return code;
            default:
                return in_.error_at(begin, "an unknown escape");
        }
    }
    Result<Expr> literal(std::size_t begin) {
        std::string text;
        while (!in_.take("\"")) {
            if (in_.done()) return in_.error_at(begin, "'\"' is never closed");
            std::uint32_t code = 0;
            if (in_.take("\\")) {
                HEARTH_ASSIGN(code, escaped());
            } else {
                code = in_.code_point();
            }
            utf8_append(text, code);
        }
        return ir_.literal(text);
    }
    Result<std::uint32_t> member(std::size_t begin) {
        if (in_.done()) return in_.error_at(begin, "'[' is never closed");
        if (in_.take("\\")) return escaped();
        return in_.code_point();
    }
    Result<Expr> char_class(std::size_t begin) {
        const bool negated = in_.take("^");
        CodeSet set;
        while (!in_.take("]")) {
            HEARTH_ASSIGN(const std::uint32_t low, member(begin));
            std::uint32_t high = low;
            if (in_.peek() == '-' && in_.peek(1) != ']') {
                in_.take("-");
                HEARTH_ASSIGN(high, member(begin));
            }
            if (low > high) return in_.error("a range ends before it begins");
            set.push_back({low, high});
        }
        set = normalized(std::move(set));
        return ir_.set(negated ? complement(set) : set);
    }

    Source in_;
    Ir ir_;
    std::unordered_map<std::string, Rule> rules_;
    std::vector<std::size_t> uses_;  // [rules], where first named
};

}  // namespace

Grammar::Grammar(std::shared_ptr<const Automaton> automaton) : automaton_(std::move(automaton)) {}
Grammar::~Grammar() = default;

Result<std::shared_ptr<const Grammar>> Grammar::from_gbnf(std::string_view grammar) {
    HEARTH_TRY(Source::check(grammar, "grammar", kMostText));
    HEARTH_ASSIGN(auto automaton, Gbnf(grammar).run());
    return std::shared_ptr<const Grammar>(std::make_shared<Grammar>(std::move(automaton)));
}

Result<std::shared_ptr<const Grammar>> Grammar::from_choices(std::span<const std::string> choices) {
    if (choices.empty()) return Status(Code::invalid_argument, "there is no choice");
    Ir ir;
    std::vector<Expr> ways;
    std::size_t total = 0;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        total += choices[i].size() + 1;
        HEARTH_TRY(Source::check(choices[i], cat("choice ", i), kMostText));
        if (total > kMostText)
            return Status(Code::unsupported, cat("the choices up to ", i, " have more than ", kMostText, " bytes"));
        ways.push_back(ir.literal(choices[i]));
    }
    const Rule root = ir.declare("choices");
    ir.define(root, ir.choice(std::move(ways)));
    HEARTH_ASSIGN(auto automaton, compile(ir, root));
    return std::shared_ptr<const Grammar>(std::make_shared<Grammar>(std::move(automaton)));
}

}  // namespace hearth
