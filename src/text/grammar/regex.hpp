// Regular expressions into expressions of a grammar. Thread class: pure functions.
#pragma once

#include <functional>
#include <string_view>

#include "text/grammar/ir.hpp"

namespace hearth::text::grammar {

// How a character of the set is written: itself, or as JSON writes it within a string.
using Emit = std::function<Expr(Ir&, const CodeSet&)>;

enum class Match { whole, anywhere };  // the whole text, or any part of it as in JSON Schema's `pattern`

// `what` ("pattern") stands before messages.
Result<Expr> parse_regex(Ir& ir, std::string_view pattern, std::string_view what, Match match, const Emit& emit);

}  // namespace hearth::text::grammar
