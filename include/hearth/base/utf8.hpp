// UTF-8 as the Unicode Standard defines it (table 3-7): no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

// Offset of the first byte that is not part of a well-formed sequence; text.size() when all is well.
std::size_t utf8_valid_prefix(std::string_view text);
// True when `text` (which is not valid) could become valid by appending bytes: it ends within a sequence.
bool utf8_incomplete_tail(std::string_view tail);
// How many bytes at the end (0 to 3) begin a sequence that further bytes could complete, whatever stands before them.
std::size_t utf8_incomplete_suffix(std::string_view text);
// Replaces each maximal ill-formed part by U+FFFD.
std::string utf8_repair(std::string_view text);
void utf8_append(std::string& out, std::uint32_t code_point);
// Decodes the well-formed sequence at text[i] and advances i.
std::uint32_t utf8_next(std::string_view text, std::size_t& i);

}  // namespace hearth
