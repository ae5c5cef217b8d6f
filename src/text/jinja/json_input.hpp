// The input of a rendering: JSON to values, and to the variables of a template.
#pragma once

#include <string_view>

#include "hearth/base/status.hpp"
#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

// A failure says at which byte the text is no JSON, or that it is nested too deep.
Result<Value> parse_json(Run& run, std::string_view text);

}  // namespace hearth::text::jinja
