#include "text/grammar/notation.hpp"

#include <algorithm>
#include <vector>

#include "hearth/base/cat.hpp"
#include "text/grammar/json_document.hpp"
#include "text/grammar/json_strings.hpp"

namespace hearth::text::grammar {

namespace {

CodeSet of_char(char c) { return {{static_cast<unsigned char>(c), static_cast<unsigned char>(c)}}; }

// Characters that a text before `mark` may have in any place.
CodeSet before(std::string_view mark) { return difference(any_code(), of_char(mark.front())); }

CodeSet word_chars() { return {{'-', '.'}, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}; }

}  // namespace

bool plain_word(std::string_view text) {
    const CodeSet chars = word_chars();
    return !text.empty() && std::ranges::all_of(text, [&](char c) { return !intersection(chars, of_char(c)).empty(); });
}

Expr any_string(Ir& ir, const Notation& notation, Expr any_char, std::uint32_t least, std::uint32_t most) {
    const bool bounded = least > 0 || most != kUnbounded;
    if (notation.json()) {
        const Expr quote = ir.literal("\"");
        return ir.sequence({quote, ir.repeat(any_char, least, most), quote});
    }
    const Expr quote = ir.literal(notation.quote_written);
    const Expr text =
        bounded ? ir.repeat(ir.set(before(notation.quote)), least, most) : text_without(ir, notation.quote);
    return ir.sequence({quote, text, quote});
}

std::optional<Expr> constant_string(Ir& ir, const Notation& notation, std::string_view text) {
    if (notation.json()) return ir.literal(json_quoted(text, notation.escaped));
    if (text.find(notation.quote) != std::string_view::npos) return std::nullopt;
    return ir.literal(cat(notation.quote_written, text, notation.quote_written));
}

Expr named_key(Ir& ir, const Notation& notation, std::string_view name) {
    if (!notation.json() && plain_word(name)) return ir.literal(name);
    const auto written = constant_string(ir, notation, name);
    return written ? *written : ir.set({});
}

Expr other_key(Ir& ir, const Notation& notation, std::span<const std::string> names) {
    return notation.json() ? json_other_key(ir, names, notation.escaped) : other_word(ir, names, word_chars());
}

Emit emit_of(const Notation& notation) {
    if (notation.json())
        return [escaped = notation.escaped](Ir& ir, const CodeSet& set) { return json_char(ir, set, escaped); };
    return [free = before(notation.quote)](Ir& ir, const CodeSet& set) { return ir.set(intersection(set, free)); };
}

Expr text_without(Ir& ir, std::string_view mark, const CodeSet& not_first) {
    // The automaton of Knuth, Morris and Pratt (SIAM J. Comput. 6, 1977), a rule for each of its states: behind the
    // first i bytes of the mark. Each calls the next as its last, which needs no stack.
    std::vector<std::size_t> fail(mark.size() + 1, 0);
    for (std::size_t i = 1; i < mark.size(); ++i) {
        std::size_t k = fail[i];
        while (k > 0 && mark[k] != mark[i]) k = fail[k];
        fail[i + 1] = mark[k] == mark[i] ? k + 1 : 0;
    }
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < mark.size(); ++i) rules.push_back(ir.declare("a text"));
    const auto from = [&](std::size_t i, const CodeSet& without) {
        CodeSet taken = without;
        std::vector<Expr> ways{ir.empty()};
        for (std::size_t k = i;; k = fail[k]) {
            const CodeSet next = of_char(mark[k]);
            if (intersection(next, normalized(taken)).empty() && k + 1 < mark.size())
                ways.push_back(ir.sequence({ir.set(next), ir.rule(rules[k + 1])}));
            taken.insert(taken.end(), next.begin(), next.end());
            if (k == 0) break;
        }
        ways.push_back(ir.sequence({ir.set(difference(any_code(), normalized(std::move(taken)))), ir.rule(rules[0])}));
        return ir.choice(std::move(ways));
    };
    for (std::size_t i = 0; i < mark.size(); ++i) ir.define(rules[i], from(i, {}));
    return not_first.empty() ? ir.rule(rules[0]) : from(0, not_first);
}

}  // namespace hearth::text::grammar
