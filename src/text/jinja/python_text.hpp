// What Python's str does with text, for UTF-8.
// Thread class: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.hpp"

namespace hearth::text::jinja {

bool is_space(char32_t c);      // str.isspace
bool is_printable(char32_t c);  // str.isprintable
bool is_word(char32_t c);       // \w of re
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
std::string_view strip(std::string_view text);
// With the characters to strip.
std::string_view strip(std::string_view text, std::string_view chars, bool left, bool right);

// The first place at or after `from`; the steps are charged for what the search may take.
std::size_t find_text(Run& run, std::string_view text, std::string_view part, std::size_t from);
std::size_t find_last_text(Run& run, std::string_view text, std::string_view part);
std::string replace_text(Run& run, std::string_view text, std::string_view old, std::string_view fresh,
                         std::int64_t most);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);
std::string swapcase(std::string_view text);
std::string casefold(std::string_view text);
enum class Has : int {
    alpha,
    alnum,
    decimal,
    digit,
    numeric,
    lower,
    upper,
    title,
    space,
    printable,
    ascii,
    identifier
};
bool is_all(std::string_view text, Has what);

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
std::size_t code_points(std::string_view text);
// The byte at which code point `index` begins; text.size() beyond the end.
std::size_t byte_of(std::string_view text, std::size_t index);
// repr(str), appended.
void append_quoted(std::string& out, std::string_view text);
// str(d) with a precision, as "%.*f" and its kin have it; kind is one of eEfFgG.
std::string format_real(double d, int precision, char kind, bool alternate = false);
// float(text); false where Python refuses.
bool parse_real(std::string_view text, double& out);
// int(text, base) of at most 64 bits; false where Python refuses or it is larger.
bool parse_integer(std::string_view text, int base, std::int64_t& out);

}  // namespace hearth::text::jinja
