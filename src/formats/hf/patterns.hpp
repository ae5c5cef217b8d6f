// The regular expressions of a tokenizer.json, which are Oniguruma's
// (https://github.com/kkos/oniguruma/blob/master/doc/RE), as PCRE2's with UTF and UCP. What both spell alike is left as
// it is; what means something else there is spelled out:
//   \w \W \b \B \d \s \S \h \H \v \O \N \uHHHH, [:name:], property names, quantifiers such as {,n}, {n}? and {n,m}+,
//   classes within classes and their intersections (by looking ahead), options that hold to the end of their group.
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/status.hpp"

namespace hearth::formats {

// What has no counterpart is refused, with the pattern.
Result<std::string> pcre_pattern(std::string_view oniguruma);

}  // namespace hearth::formats
