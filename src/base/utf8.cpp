#include "hearth/base/utf8.hpp"

#include <cstring>

namespace hearth {

namespace {

struct Sequence {
    std::size_t good;  // bytes that fit the start of a well-formed sequence
    std::size_t want;  // its length by the first byte, 0 when that cannot begin one
};

// Table 3-7 of the Unicode Standard: only the second byte's range depends on the first.
Sequence scan(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {1, 1};
    if (lead < 0xc2 || lead > 0xf4) return {0, 0};
    const std::size_t want = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    std::size_t good = 1;
    while (good < want && i + good < text.size()) {
        const unsigned char c = byte(good);
        if (good == 1 ? (c < low || c > high) : (c & 0xc0) != 0x80) break;
        ++good;
    }
    return {good, want};
}

}  // namespace

std::size_t utf8_valid_prefix(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        std::uint64_t eight;
        if (i + 8 <= text.size()) {
            std::memcpy(&eight, text.data() + i, 8);
            if ((eight & 0x8080808080808080ull) == 0) {
                i += 8;
                continue;
            }
        }
        const Sequence s = scan(text, i);
        if (s.want == 0 || s.good != s.want) return i;
        i += s.want;
    }
    return i;
}

bool utf8_incomplete_tail(std::string_view tail) {
    const std::size_t good = utf8_valid_prefix(tail);
    return good < tail.size() && good + utf8_incomplete_suffix(tail) == tail.size();
}

std::size_t utf8_incomplete_suffix(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        const std::size_t at = text.size() - back;
        if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
        const Sequence s = scan(text, at);
        return s.good == back && s.good < s.want ? back : 0;
    }
    return 0;
}

std::string utf8_repair(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t good = utf8_valid_prefix(text.substr(i));
        out.append(text, i, good);
        i += good;
        if (i == text.size()) break;
        out += "\xef\xbf\xbd";
        const Sequence s = scan(text, i);
        i += s.good == 0 ? 1 : s.good;
    }
    return out;
}

void utf8_append(std::string& out, std::uint32_t c) {
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    }
}

std::uint32_t utf8_next(std::string_view text, std::size_t& i) {
    const auto byte = [&](std::size_t k) { return std::uint32_t(static_cast<unsigned char>(text[i + k])); };
    const std::uint32_t lead = byte(0);
    std::uint32_t c = lead;
    std::size_t n = 1;
    if (lead >= 0xf0) {
        c = ((lead & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f);
        n = 4;
    } else if (lead >= 0xe0) {
        c = ((lead & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
        n = 3;
    } else if (lead >= 0xc0) {
        c = ((lead & 0x1f) << 6) | (byte(1) & 0x3f);
        n = 2;
    }
    i += n;
    return c;
}

}  // namespace hearth
