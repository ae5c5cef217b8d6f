#include "formats/quote.hpp"

#include "hearth/base/utf8.hpp"

namespace hearth::formats {

namespace {

// C0, DEL and C1: they would move the cursor or colour the terminal of whoever reads the message.
bool control(std::uint32_t code_point) { return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0); }

}  // namespace

bool printable(std::string_view text) {
    if (utf8_valid_prefix(text) != text.size()) return false;
    for (std::size_t i = 0; i < text.size();) {
        if (control(utf8_next(text, i))) return false;
    }
    return true;
}

std::string quote(std::string_view text) {
    constexpr std::size_t most = 80;
    static constexpr char hex[] = "0123456789abcdef";
    std::string out = "'";
    std::size_t i = 0;
    while (i < text.size() && i < most) {
        std::size_t end = i;
        // A character has at most four bytes: looking further would make long names quadratic.
        if (utf8_valid_prefix(text.substr(i, 4)) > 0 && !control(utf8_next(text, end))) {
            out += text.substr(i, end - i);
            i = end;
        } else {
            const auto byte = static_cast<unsigned char>(text[i++]);
            out += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
        }
    }
    return out + (i < text.size() ? "…'" : "'");
}

}  // namespace hearth::formats
