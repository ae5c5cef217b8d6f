// A JSON document as a schema is: values with numbers exact and members in their order. Thread class: immutable after
// it is read, shareable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"
#include "text/grammar/code_set.hpp"

namespace hearth::text::grammar {

struct Json {
    enum class Type : std::uint8_t { null, boolean, number, string, array, object };
    Type type = Type::null;
    bool boolean = false;
    std::uint32_t order = 0;  // of values in the document, outer ones first
    std::string text;         // of a string; of a number, as JSON spells it
    std::vector<Json> items;
    std::vector<Json> members;  // keys differ
    std::string key;            // of a member

    bool is(Type expected) const { return type == expected; }
    const Json* find(std::string_view name) const {
        for (const Json& member : members)
            if (member.key == name) return &member;
        return nullptr;
    }
};

// Any bytes: an error names the byte, or the key that an object has twice.
Result<Json> parse_json(std::string_view text, std::string_view what);

// The same value, whatever the spelling of numbers and the order of members.
bool equal(const Json& a, const Json& b);
// With quotes, as JSON must write it; characters of `escaped`, ASCII, as escapes too.
std::string json_quoted(std::string_view text, const CodeSet& escaped = {});
std::string json_unit(std::uint32_t code);  // "\\u003c"
// Where `target` stands in `root`: "/properties/a~1b".
std::string pointer_to(const Json& root, const Json* target);
// What a URI fragment ("/$defs/node", percent signs decoded) points to; null where there is nothing.
const Json* follow(const Json& root, std::string_view fragment);

// A number of at most 18 significant digits: (negative ? -1 : 1) * digits * 10^exponent, digits not divisible by ten.
struct Decimal {
    bool negative = false;
    std::uint64_t digits = 0;
    std::int64_t exponent = 0;
    friend bool operator==(const Decimal&, const Decimal&) = default;
};
std::optional<Decimal> parse_decimal(std::string_view text);
bool less(const Decimal& a, const Decimal& b);
// The largest integer not above value * 10^places, at most ±2e18, which stands for all beyond; `exact`: whether equal.
std::int64_t scaled_floor(const Decimal& value, std::int64_t places, bool& exact);

}  // namespace hearth::text::grammar
