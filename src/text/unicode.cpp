#include "text/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "hearth/base/utf8.hpp"

namespace hearth::text::unicode {

namespace {

utf8proc_int32_t plain(char32_t c) { return static_cast<utf8proc_int32_t>(c); }
utf8proc_category_t category(char32_t c) { return utf8proc_category(plain(c)); }

}  // namespace

bool is_whitespace(char32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0d);
    if (c == 0x85) return true;
    const auto kind = category(c);
    return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool is_control(char32_t c) {
    const auto kind = category(c);
    return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO ||
           kind == UTF8PROC_CATEGORY_CS;
}

bool is_punctuation(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO;
}

bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_cjk(char32_t c) {
    // BERT's _is_chinese_char: the unified ideographs with extensions A to E, and the compatibility ideographs. Later
    // extensions stay outside: no vocabulary was trained with them split off.
    struct Range {
        char32_t first, last;
    };
    static constexpr Range ranges[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
                                       {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b820, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    if (c < ranges[0].first) return false;
    return std::any_of(std::begin(ranges), std::end(ranges), [c](Range r) { return c >= r.first && c <= r.last; });
}

std::u32string decode(std::string_view utf8) {
    std::u32string out;
    out.reserve(utf8.size());
    for (std::size_t i = 0; i < utf8.size();) out += static_cast<char32_t>(utf8_next(utf8, i));
    return out;
}

std::string encode(std::u32string_view code_points) {
    std::string out;
    out.reserve(code_points.size());
    for (const char32_t c : code_points) utf8_append(out, c);
    return out;
}

std::u32string lower(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t c : text) {
        if (c < 0x80) {
            out += c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        } else if (c == 0x130) {  // I with dot above: the only lower case of two code points
            out += U"i\u0307";
        } else {
            out += static_cast<char32_t>(utf8proc_tolower(plain(c)));
        }
    }
    return out;
}

namespace {

// Decomposition in canonical order; `compatible` takes compatibility mappings too.
std::u32string decompose(std::u32string_view text, bool compatible) {
    // Nothing below has a mapping of the kind.
    const char32_t first = compatible ? 0xa0 : 0xc0;
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
    std::u32string out;
    out.reserve(text.size());
    for (const char32_t c : text) {
        if (c < first) {
            out += c;
            continue;
        }
        utf8proc_int32_t parts[32];  // decompositions have at most 18 code points, canonical ones 4
        int boundclass = 0;
        const auto n = utf8proc_decompose_char(plain(c), parts, 32, options, &boundclass);
        if (n < 1 || n > 32) {
            out += c;
            continue;
        }
        for (utf8proc_ssize_t i = 0; i < n; ++i) out += static_cast<char32_t>(parts[i]);
    }
    // Canonical order: each run of marks sorted stably by combining class. A sort, because utf8proc's own exchange of
    // neighbours takes quadratic time in a long run.
    const auto combining = [](char32_t c) {
        return c < 0x300 ? 0 : static_cast<int>(utf8proc_get_property(plain(c))->combining_class);
    };
    for (std::size_t i = 0; i < out.size();) {
        if (combining(out[i]) == 0) {
            ++i;
            continue;
        }
        std::size_t end = i;
        bool sorted = true;
        int last = 0;
        for (; end < out.size(); ++end) {
            const int now = combining(out[end]);
            if (now == 0) break;
            sorted = sorted && last <= now;
            last = now;
        }
        if (!sorted)
            std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(i),
                             out.begin() + static_cast<std::ptrdiff_t>(end),
                             [&](char32_t a, char32_t b) { return combining(a) < combining(b); });
        i = end;
    }
    return out;
}

}  // namespace

std::u32string nfd(std::u32string_view text) { return decompose(text, false); }

std::optional<Form> find_form(std::string_view name) {
    if (name == "nfc") return Form::nfc;
    if (name == "nfd") return Form::nfd;
    if (name == "nfkc") return Form::nfkc;
    if (name == "nfkd") return Form::nfkd;
    return std::nullopt;
}

std::u32string normalize(std::u32string_view text, Form form) {
    std::u32string out = decompose(text, form == Form::nfkc || form == Form::nfkd);
    if (form == Form::nfd || form == Form::nfkd) return out;
    std::vector<utf8proc_int32_t> points(out.begin(), out.end());
    const auto n = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                            static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (n < 0) return out;  // not for what decompose gives
    out.assign(points.begin(), points.begin() + n);
    return out;
}

std::u32string strip_marks(std::u32string_view text) {
    std::u32string out;
    out.reserve(text.size());
    std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char32_t c) { return !is_nonspacing_mark(c); });
    return out;
}

}  // namespace hearth::text::unicode
