// Languages that generated text must belong to: a JSON Schema, a regular expression, a GBNF grammar, or a list of
// choices, compiled to a pushdown automaton over bytes. Errors name the line and column of the text, or the JSON
// pointer of the schema. Thread class: immutable, shareable.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hearth/base/status.hpp"

namespace hearth {

namespace text::grammar {
struct Automaton;
}

class Grammar {
public:
    // Draft 2020-12. What matches is valid, but not all that is valid matches:
    // - Properties come in the schema's order, then additional ones, whose keys have no escapes. These are written only
    // where
    //   additionalProperties allows them by name, or the object names no properties.
    // - Between values stand nothing, one space, or a line break and at most 24 blanks; after a colon nothing or one
    // space.
    // - Integers have at most 18 digits, numbers at most 16 before and behind the point, and between bounds 15 and no
    // exponent.
    // - Without `type`, keywords that speak of one type only mean this type.
    // - Formats are enforced, as narrower patterns: date and date-time know no leap day or second, uri is http or
    // https.
    // - oneOf is taken where its branches are seen to exclude each other.
    // Keywords that are not supported, or not in that combination, are named in the error.
    static Result<std::shared_ptr<const Grammar>> from_json_schema(std::string_view schema);
    // The whole text matches. ECMA-262 with the `u` flag, without lookaround, backreferences and flags; `^` and `$`
    // stand at the ends of alternatives only.
    static Result<std::shared_ptr<const Grammar>> from_regex(std::string_view pattern);
    // The notation of llama.cpp's grammar files; the text matches rule `root`.
    static Result<std::shared_ptr<const Grammar>> from_gbnf(std::string_view grammar);
    // The text is one of these.
    static Result<std::shared_ptr<const Grammar>> from_choices(std::span<const std::string> choices);

    explicit Grammar(std::shared_ptr<const text::grammar::Automaton> automaton);
    ~Grammar();
    const text::grammar::Automaton& automaton() const { return *automaton_; }

private:
    std::shared_ptr<const text::grammar::Automaton> automaton_;
};

}  // namespace hearth
