#include "formats/quote.hpp"

#include <doctest/doctest.h>

#include "hearth/base/utf8.hpp"

namespace hearth::formats {

TEST_CASE("quote: readable text stays, the rest is escaped") {
    CHECK(quote("") == "''");
    CHECK(quote("blk.0.attn_q.weight") == "'blk.0.attn_q.weight'");
    CHECK(quote("größe 漢字 🔥") == "'größe 漢字 🔥'");
    CHECK(quote("a\nb\x1b[31m\x7f") == "'a\\x0ab\\x1b[31m\\x7f'");
    CHECK(quote("\xff\xc3") == "'\\xff\\xc3'");
    CHECK(quote("\xc2\x9b") == "'\\xc2\\x9b'");  // C1 control
    CHECK(quote(std::string("\0", 1)) == "'\\x00'");
}

TEST_CASE("quote: long names are cut at a character") {
    std::string name(79, 'a');
    CHECK(quote(name + "b") == "'" + name + "b'");
    CHECK(quote(name + "bc") == "'" + name + "b…'");
    CHECK(quote(name + "é and more") == "'" + name + "é…'");
}

TEST_CASE("quote: the result is valid UTF-8 for any bytes") {
    std::uint32_t state = 1;
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(static_cast<std::size_t>(round % 97), '\0');
        for (char& c : bytes) c = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
        const std::string text = quote(bytes);
        CHECK(utf8_valid_prefix(text) == text.size());
        CHECK(printable(text));
    }
}

TEST_CASE("printable: UTF-8 without control characters") {
    CHECK(printable(""));
    CHECK(printable("general.architecture"));
    CHECK(printable("größe 漢字"));
    CHECK_FALSE(printable("a\tb"));
    CHECK_FALSE(printable("\xc2\x85"));
    CHECK_FALSE(printable("\xed\xa0\x80"));
    CHECK_FALSE(printable("abc\xe2\x82"));
}

}  // namespace hearth::formats
