// Python's two ways of formatting text.
#pragma once

#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

// template % values: a tuple of values, a mapping, or one value.
Value format_percent(Interpreter& in, const Value& pattern, const Value& values);
// template.format(...)
Value format_braces(Interpreter& in, const Value& pattern, const Arguments& arguments);

}  // namespace hearth::text::jinja
