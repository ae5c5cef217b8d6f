// Numbers between bounds, as JSON spells them. Thread class: pure functions.
#pragma once

#include <optional>

#include "text/grammar/ir.hpp"
#include "text/grammar/json_document.hpp"

namespace hearth::text::grammar {

struct Bound {
    Decimal value;
    bool open = false;  // exclusiveMinimum, exclusiveMaximum
};

// Without an exponent. Integers have at most 18 digits; numbers with a fraction at most 15, so that a reader's doubles
// compare with the bounds as the decimals do. nullopt: a bound leaves no room within these digits.
std::optional<Expr> integers_between(Ir& ir, const std::optional<Bound>& low, const std::optional<Bound>& high);
std::optional<Expr> numbers_between(Ir& ir, const std::optional<Bound>& low, const std::optional<Bound>& high);
// Any, with exponents of two digits.
Expr any_number(Ir& ir);

}  // namespace hearth::text::grammar
