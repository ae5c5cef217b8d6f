// Properties and mappings of Unicode characters that WordPiece needs, from the tables of utf8proc.
// Thread class: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::text::unicode {

// White_Space of PropList.txt: Zs, Zl, Zp, U+0009..U+000D, U+0085.
bool is_whitespace(char32_t c);
// General categories Cc, Cf, Co and Cs; unassigned code points (Cn) are not among them.
bool is_control(char32_t c);
// General categories P*.
bool is_punctuation(char32_t c);
// General category Mn.
bool is_nonspacing_mark(char32_t c);
// The blocks of ideographs that BERT takes one by one.
bool is_cjk(char32_t c);

// Requires valid UTF-8.
std::u32string decode(std::string_view utf8);
std::string encode(std::u32string_view code_points);

// Full lower case without context (UnicodeData.txt and the one unconditional line of SpecialCasing.txt).
std::u32string lower(std::u32string_view text);
inline bool is_ascii(std::string_view utf8) {
    for (const char c : utf8)
        if ((c & 0x80) != 0) return false;
    return true;
}
// Normalisation forms (Unicode Standard annex 15).
enum class Form : int { nfc, nfd, nfkc, nfkd };
std::optional<Form> find_form(std::string_view name);  // "nfc"
std::u32string normalize(std::u32string_view text, Form form);
// Canonical decomposition, Unicode Standard section 3.11.
std::u32string nfd(std::u32string_view text);
// Without nonspacing marks.
std::u32string strip_marks(std::u32string_view text);

}  // namespace hearth::text::unicode
