#include "text/jinja/python_text.hpp"

#include <locale.h>
#include <stdlib.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "hearth/base/utf8.hpp"
#include "text/unicode.hpp"

namespace hearth::text::jinja {

namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
bool is_letter(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
// Numeric_Type=Digit of UnicodeData.txt, beyond the decimal ones: superscripts, subscripts and circled digits.
bool is_other_digit(char32_t c) {
    return c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
           (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247c) ||
           (c >= 0x2488 && c <= 0x2490) || (c >= 0x24f5 && c <= 0x24fd) || (c >= 0x2776 && c <= 0x277e) ||
           (c >= 0x2780 && c <= 0x2788) || (c >= 0x278a && c <= 0x2792);
}
bool is_numeric(char32_t c) {
    const auto kind = category(c);
    return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba; }
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

// Upper and title cases of more than one character (SpecialCasing.txt, the unconditional lines of Latin and Armenian).
struct Special {
    char32_t c;
    char32_t upper[4], title[4];  // not pointers, which a shared library would relocate
};
constexpr Special kSpecial[] = {
    Special{0xdf, U"SS", U"Ss"},
    Special{0x149, U"\u02bcN", U"\u02bcN"},
    Special{0x1f0, U"J\u030c", U"J\u030c"},
    Special{0x390, U"\u0399\u0308\u0301", U"\u0399\u0308\u0301"},
    Special{0x3b0, U"\u03a5\u0308\u0301", U"\u03a5\u0308\u0301"},
    Special{0x587, U"\u0535\u0552", U"\u0535\u0582"},
    Special{0x1e96, U"H\u0331", U"H\u0331"},
    Special{0x1e97, U"T\u0308", U"T\u0308"},
    Special{0x1e98, U"W\u030a", U"W\u030a"},
    Special{0x1e99, U"Y\u030a", U"Y\u030a"},
    Special{0x1e9a, U"A\u02be", U"A\u02be"},
    Special{0xfb00, U"FF", U"Ff"},
    Special{0xfb01, U"FI", U"Fi"},
    Special{0xfb02, U"FL", U"Fl"},
    Special{0xfb03, U"FFI", U"Ffi"},
    Special{0xfb04, U"FFL", U"Ffl"},
    Special{0xfb05, U"ST", U"St"},
    Special{0xfb06, U"ST", U"St"},
};

void append_upper(std::u32string& out, char32_t c, bool as_title) {
    if (c < 0x80) {
        out += c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
        return;
    }
    const auto found =
        std::find_if(std::begin(kSpecial), std::end(kSpecial), [c](const Special& s) { return s.c == c; });
    if (found != std::end(kSpecial)) {
        out += as_title ? found->title : found->upper;
        return;
    }
    const auto plain = static_cast<utf8proc_int32_t>(c);
    out += static_cast<char32_t>(as_title ? utf8proc_totitle(plain) : utf8proc_toupper(plain));
}

// Lower case with Python's one rule of context: a capital sigma at the end of a word.
void append_lower(std::u32string& out, std::u32string_view text, std::size_t i) {
    const char32_t c = text[i];
    if (c != 0x3a3) {
        out += unicode::lower(text.substr(i, 1));
        return;
    }
    const auto ignored = [](char32_t x) {
        const auto kind = category(x);
        return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
               kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || x == '\'' || x == '.' || x == ':' ||
               x == 0xb7 || x == 0x2019;
    };
    std::size_t before = i, after = i + 1;
    while (before > 0 && ignored(text[before - 1])) --before;
    while (after < text.size() && ignored(text[after])) ++after;
    const bool final = before > 0 && is_cased(text[before - 1]) && !(after < text.size() && is_cased(text[after]));
    out += final ? char32_t{0x3c2} : char32_t{0x3c3};
}

template <class F>
std::string mapped(std::string_view text, const F& map) {
    const std::u32string points = unicode::decode(text);
    std::u32string out;
    out.reserve(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) map(out, points, i);
    return unicode::encode(out);
}

}  // namespace

bool is_space(char32_t c) { return unicode::is_whitespace(c) || (c >= 0x1c && c <= 0x1f); }

bool is_printable(char32_t c) {
    if (c < 0x7f) return c >= ' ';
    switch (category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_ZS:
            return false;
        default:
            return true;
    }
}

bool is_word(char32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return is_letter(c) || is_numeric(c);
}

// ---- stripping and searching
// -----------------------------------------------------------------------------------------------

std::string_view strip_left(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t begin = i;
        if (!is_space(utf8_next(text, i))) return text.substr(begin);
    }
    return {};
}

namespace {
std::size_t last_begin(std::string_view text) {
    std::size_t i = text.size() - 1;
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) --i;
    return i;
}
}  // namespace

std::string_view strip_right(std::string_view text) {
    while (!text.empty()) {
        const std::size_t begin = last_begin(text);
        std::size_t i = begin;
        if (!is_space(utf8_next(text, i))) break;
        text = text.substr(0, begin);
    }
    return text;
}

std::string_view strip(std::string_view text) { return strip_right(strip_left(text)); }

std::string_view strip(std::string_view text, std::string_view chars, bool left, bool right) {
    const auto among = [&](std::string_view c) {
        for (std::size_t at = chars.find(c); at != std::string_view::npos; at = chars.find(c, at + 1))
            if ((static_cast<unsigned char>(chars[at]) & 0xc0) != 0x80) return true;
        return false;
    };
    while (left && !text.empty()) {
        const std::size_t size = byte_of(text, 1);
        if (!among(text.substr(0, size))) break;
        text.remove_prefix(size);
    }
    while (right && !text.empty()) {
        const std::size_t begin = last_begin(text);
        if (!among(text.substr(begin))) break;
        text = text.substr(0, begin);
    }
    return text;
}

std::size_t find_text(Run& run, std::string_view text, std::string_view part, std::size_t from) {
    constexpr std::size_t npos = std::string_view::npos;
    if (from > text.size() || part.size() > text.size() - from) return npos;
    if (part.size() <= 32) {
        // At most 32 comparisons for a byte; usually one.
        const std::size_t at = text.find(part, from);
        return run.work_text(((at == npos ? text.size() : at) - from) * 2) ? at : npos;
    }
    // Long ones by their failure function (Knuth, Morris and Pratt): linear whatever the texts are.
    if (!run.room(part.size() * sizeof(std::uint32_t)) || !run.work_text((text.size() - from + part.size()) * 4))
        return npos;
    std::vector<std::uint32_t> back(part.size());
    std::uint32_t k = 0;
    for (std::size_t i = 1; i < part.size(); ++i) {
        while (k > 0 && part[i] != part[k]) k = back[k - 1];
        if (part[i] == part[k]) ++k;
        back[i] = k;
    }
    k = 0;
    for (std::size_t i = from; i < text.size(); ++i) {
        while (k > 0 && text[i] != part[k]) k = back[k - 1];
        if (text[i] == part[k]) ++k;
        if (k == part.size()) return i + 1 - part.size();
    }
    return npos;
}

std::size_t find_last_text(Run& run, std::string_view text, std::string_view part) {
    if (part.size() <= 32) return run.work_text(text.size() * 2) ? text.rfind(part) : std::string_view::npos;
    std::string back(text.rbegin(), text.rend()), back_part(part.rbegin(), part.rend());
    const std::size_t at = find_text(run, back, back_part, 0);
    return at == std::string_view::npos ? at : text.size() - at - part.size();
}

std::string replace_text(Run& run, std::string_view text, std::string_view old, std::string_view fresh,
                         std::int64_t most) {
    std::string out;
    std::size_t from = 0;
    const auto full = [&] { return !run.room(out.size() + fresh.size()) || !run.work_text(fresh.size()); };
    if (old.empty()) {
        // Between all characters.
        while (most != 0) {
            if (full()) return {};
            out += fresh;
            --most;
            if (from >= text.size()) break;
            const std::size_t size = byte_of(text.substr(from), 1);
            out += text.substr(from, size);
            from += size;
        }
        out += text.substr(std::min(from, text.size()));
        return out;
    }
    for (; most != 0; --most) {
        const std::size_t at = find_text(run, text, old, from);
        if (at == std::string_view::npos || full()) break;
        out += text.substr(from, at - from);
        out += fresh;
        from = at + old.size();
    }
    out += text.substr(from);
    return out;
}

// ---- case
// --------------------------------------------------------------------------------------------------------------------

std::string upper(std::string_view text) {
    return mapped(text,
                  [](std::u32string& out, const std::u32string& s, std::size_t i) { append_upper(out, s[i], false); });
}
std::string lower(std::string_view text) {
    return mapped(text, [](std::u32string& out, const std::u32string& s, std::size_t i) { append_lower(out, s, i); });
}
std::string capitalize(std::string_view text) {
    return mapped(text, [](std::u32string& out, const std::u32string& s, std::size_t i) {
        if (i == 0)
            append_upper(out, s[i], true);
        else
            append_lower(out, s, i);
    });
}
std::string title(std::string_view text) {
    return mapped(text, [](std::u32string& out, const std::u32string& s, std::size_t i) {
        if (i > 0 && is_cased(s[i - 1]))
            append_lower(out, s, i);
        else
            append_upper(out, s[i], true);
    });
}
std::string swapcase(std::string_view text) {
    return mapped(text, [](std::u32string& out, const std::u32string& s, std::size_t i) {
        if (is_upper(s[i]))
            append_lower(out, s, i);
        else if (is_lower(s[i]))
            append_upper(out, s[i], false);
        else
            out += s[i];
    });
}

// Lower case without context, and of characters with several capitals those.
std::string casefold(std::string_view text) {
    return mapped(text, [](std::u32string& out, const std::u32string& s, std::size_t i) {
        const bool special =
            std::any_of(std::begin(kSpecial), std::end(kSpecial), [&](const Special& x) { return x.c == s[i]; });
        std::u32string one(1, s[i]);
        if (special) {
            one.clear();
            append_upper(one, s[i], false);
        }
        for (const char32_t c : unicode::lower(one)) out += c == 0x3c2 ? char32_t{0x3c3} : c;
    });
}

bool is_all(std::string_view text, Has what) {
    const std::u32string s = unicode::decode(text);
    const auto each = [&](auto&& test) { return std::all_of(s.begin(), s.end(), test); };
    const auto any = [&](auto&& test) { return std::any_of(s.begin(), s.end(), test); };
    const auto number = [](char32_t c) { return is_numeric(c) || is_other_digit(c); };
    switch (what) {
        case Has::printable:
            return each(is_printable);
        case Has::ascii:
            return each([](char32_t c) { return c < 0x80; });
        case Has::lower:
            return any(is_lower) && !any([](char32_t c) { return is_upper(c) || is_title(c); });
        case Has::upper:
            return any(is_upper) && !any([](char32_t c) { return is_lower(c) || is_title(c); });
        case Has::title: {
            bool after_cased = false, found = false;
            for (const char32_t c : s) {
                if ((is_upper(c) || is_title(c)) && after_cased) return false;
                if (is_lower(c) && !after_cased) return false;
                after_cased = is_cased(c);
                found = found || after_cased;
            }
            return found;
        }
        default:
            break;
    }
    if (s.empty()) return false;
    switch (what) {
        case Has::alpha:
            return each(is_letter);
        case Has::alnum:
            return each([&](char32_t c) { return is_letter(c) || number(c); });
        case Has::decimal:
            return each(is_decimal);
        case Has::digit:
            return each([](char32_t c) { return is_decimal(c) || is_other_digit(c); });
        case Has::numeric:
            return each(number);
        case Has::space:
            return each(is_space);
        default:
            return each(is_word) && !is_numeric(s[0]);
    }
}

// ---- lines, places and quotes
// ---------------------------------------------------------------------------------------------------

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
    std::vector<std::string_view> lines;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t at = i;
        const char32_t c = utf8_next(text, i);
        const bool ends =
            (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
        if (!ends) continue;
        if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
        lines.push_back(text.substr(begin, (keep_ends ? i : at) - begin));
        begin = i;
    }
    if (begin < text.size()) lines.push_back(text.substr(begin));
    return lines;
}

std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t byte_of(std::string_view text, std::size_t index) {
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
        if (index-- == 0) break;
    }
    return i;
}

void append_quoted(std::string& out, std::string_view text) {
    static constexpr std::string_view hex = "0123456789abcdef";
    const char quote =
        text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
    out += quote;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t begin = i;
        const char32_t c = utf8_next(text, i);
        if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        } else if (c == static_cast<unsigned char>(quote) || c == '\\') {
            out += '\\';
            out += static_cast<char>(c);
        } else if (is_printable(c)) {
            out += text.substr(begin, i - begin);
        } else {
            const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
            out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
            for (int d = digits - 1; d >= 0; --d) out += hex[c >> (4 * d) & 15];
        }
    }
    out += quote;
}

// ---- numbers
// ---------------------------------------------------------------------------------------------------------------------

std::string format_real(double d, int precision, char kind, bool alternate) {
    const bool upper_case = kind >= 'A' && kind <= 'Z';
    const char plain = upper_case ? static_cast<char>(kind - 'A' + 'a') : kind;
    std::string out;
    if (std::isnan(d) || std::isinf(d)) {
        out = std::isnan(d) ? "nan" : d < 0 ? "-inf" : "inf";
    } else {
        if (plain == 'g' && precision == 0) precision = 1;
        std::vector<char> buffer(static_cast<std::size_t>(precision) + 400);
        const auto format = plain == 'e'   ? std::chars_format::scientific
                            : plain == 'f' ? std::chars_format::fixed
                                           : std::chars_format::general;
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, format, precision);
        out.assign(buffer.data(), end.ptr);
        if (alternate && out.find('.') == std::string::npos) out.insert(std::min(out.find('e'), out.size()), 1, '.');
    }
    return upper_case ? upper(out) : out;
}

namespace {

#ifdef __cpp_lib_to_chars
/// A number without a sign; what is beyond the range is infinite or 0.
bool read_real(const std::string& plain, double& out) {
    const char* const end = plain.data() + plain.size();
    const auto result = std::from_chars(plain.data(), end, out);  // also of inf, infinity and nan, in any case
    if (result.ptr != end || plain.find('(') != std::string::npos) return false;
    if (result.ec == std::errc::result_out_of_range) {
        // Too large or too small: which one the exponent tells.
        const std::size_t e = plain.find_first_of("eE");
        const bool tiny = e != std::string::npos ? plain[e + 1] == '-' : plain[0] == '0' || plain[0] == '.';
        out = tiny ? 0 : HUGE_VAL;
        return true;
    }
    return result.ec == std::errc();
}
#else
/// The same where from_chars reads integers only: libc++, which Apple's systems and Android have.
bool read_real(const std::string& plain, double& out) {
    if (plain[0] <= ' ' || plain.find_first_of("(xX") != std::string::npos) return false;
    const locale_t neutral = newlocale(LC_ALL_MASK, "C", nullptr);
    if (neutral == nullptr) return false;
    char* end = nullptr;
    out = strtod_l(plain.c_str(), &end, neutral);
    freelocale(neutral);
    return end == plain.c_str() + plain.size();
}
#endif

}  // namespace

bool parse_real(std::string_view text, double& out) {
    text = strip(text);
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
        if (text[i] != '_')
            plain += text[i];
        else if (i == 0 || !digit(i - 1) || !digit(i + 1))
            return false;
    }
    const bool negative = !plain.empty() && plain[0] == '-';
    if (negative || (!plain.empty() && plain[0] == '+')) plain.erase(0, 1);
    if (plain.empty() || plain[0] == '-' || plain[0] == '+') return false;
    if (!read_real(plain, out)) return false;
    if (negative) out = -out;
    return true;
}

bool parse_integer(std::string_view text, int base, std::int64_t& out) {
    text = strip(text);
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text.size() > 1 && text[0] == '0') {
        const char letter = static_cast<char>(text[1] | 0x20);
        const int prefix = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        if (prefix != 0 && (base == prefix || base == 0)) {
            base = prefix;
            text.remove_prefix(2);
            if (!text.empty() && text[0] == '_') text.remove_prefix(1);
        }
    }
    if (base == 0) base = 10;
    std::uint64_t value = 0;
    bool last_digit = false;
    for (const char c : text) {
        if (c == '_' && last_digit) {
            last_digit = false;
            continue;
        }
        const int digit = c >= '0' && c <= '9'                     ? c - '0'
                          : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                                   : 99;
        if (digit >= base ||
            value > (UINT64_MAX - static_cast<std::uint64_t>(digit)) / static_cast<std::uint64_t>(base))
            return false;
        value = value * static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(digit);
        last_digit = true;
    }
    const std::uint64_t most = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
    if (!last_digit || value > most) return false;
    out = static_cast<std::int64_t>(negative ? 0 - value : value);
    return true;
}

}  // namespace hearth::text::jinja
