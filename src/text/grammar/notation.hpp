// How the values of a schema are written where it is not all JSON: strings between marks without escapes, and members
// of an object one by one between tags. Thread class: values, pure functions.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "text/grammar/ir.hpp"
#include "text/grammar/regex.hpp"

namespace hearth::text::grammar {

struct Notation {
    // Strings stand between two of `quote` as they are, keys without anything. Empty: JSON's strings. The other as the
    // grammar has it, which may be a control token.
    std::string quote, quote_written;
    // What JSON's strings have as escapes only.
    CodeSet escaped;

    bool json() const { return quote.empty(); }
};

// The members of an object: open key key_end value close.
struct Tags {
    std::string open, key_end;
    std::string close;          // as the reader looks for it: values do not have it
    std::string close_written;  // with what stands before and behind
    bool cdata = false;         // a text may stand in <![CDATA[…]]>
    // Which of JSON's kinds (tool_values.hpp) the reader takes the value of a key as; 0: any.
    std::function<unsigned(std::string_view key)> kinds;
};

// Strings with their quotes. `any_char`: a character of JSON's in any spelling.
Expr any_string(Ir& ir, const Notation& notation, Expr any_char, std::uint32_t least, std::uint32_t most);
// Nothing where the notation cannot write it.
std::optional<Expr> constant_string(Ir& ir, const Notation& notation, std::string_view text);
Expr named_key(Ir& ir, const Notation& notation, std::string_view name);
// A key that is none of `names`.
Expr other_key(Ir& ir, const Notation& notation, std::span<const std::string> names);
// One character of a set within a string.
Emit emit_of(const Notation& notation);

// Any text in which `mark` does not stand, and whose first character is none of `not_first`. No end of the mark is also
// its beginning, so the mark may follow.
Expr text_without(Ir& ir, std::string_view mark, const CodeSet& not_first = {});
bool plain_word(std::string_view text);  // 1 to 128 letters, digits, '_', '.', '-'

}  // namespace hearth::text::grammar
