// JSON strings, and the formats of JSON Schema as patterns. Thread class: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "text/grammar/ir.hpp"

namespace hearth::text::grammar {

// One character of a set as it may stand between quotes: itself, or an escape where JSON wants one, or `escaped` has it.
Expr json_char(Ir& ir, const CodeSet& set, const CodeSet& escaped = {});
// Any character in any of its spellings; those of `escaped` as escapes only.
Expr json_any_char(Ir& ir, const CodeSet& escaped = {});
// With quotes: a string without escapes that is none of `names`.
Expr json_other_key(Ir& ir, std::span<const std::string> names, const CodeSet& escaped = {});
// At least one of `chars`, together none of `names`, at most 64 longer than what begins one of them.
Expr other_word(Ir& ir, std::span<const std::string> names, const CodeSet& chars);

// A pattern whose texts are all valid for the format, though there may be more; empty: the format is not known.
std::string_view format_pattern(std::string_view format);

}  // namespace hearth::text::grammar
