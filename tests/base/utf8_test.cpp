#include "hearth/base/utf8.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace hearth;

namespace {

const std::string replacement = "\xef\xbf\xbd";

std::string encoded(std::uint32_t c) {
    std::string s;
    utf8_append(s, c);
    return s;
}

}  // namespace

TEST_CASE("utf8: every code point survives encoding and decoding, surrogates and beyond become U+FFFD") {
    for (std::uint32_t c = 0; c <= 0x110010; ++c) {
        const std::string s = encoded(c);
        const bool scalar = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        std::size_t i = 0;
        REQUIRE(utf8_valid_prefix(s) == s.size());
        REQUIRE(utf8_next(s, i) == (scalar ? c : 0xfffd));
        REQUIRE(i == s.size());
    }
}

TEST_CASE("utf8: the valid prefix ends at the first byte of an ill-formed sequence") {
    CHECK(utf8_valid_prefix("") == 0);
    CHECK(utf8_valid_prefix("plain ASCII of more than eight bytes") == 36);
    CHECK(utf8_valid_prefix("abcdefghij\x80") == 10);
    CHECK(utf8_valid_prefix("\xc3\xa9\xc3") == 2);
    for (const char* bad :
         {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "\xe2\x82", "\xf0\x9f\x98", "\xe2\x28\xa1"}) {
        CAPTURE(bad);
        CHECK(utf8_valid_prefix(bad) == 0);
        CHECK(utf8_valid_prefix(std::string("ok") + bad) == 2);
    }
}

TEST_CASE("utf8: an incomplete tail is one that more bytes could complete") {
    for (const char* tail :
         {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98", "\xe0\xa0", "\xed\x9f", "\xf4\x8f"}) {
        CAPTURE(tail);
        CHECK(utf8_incomplete_tail(tail));
        CHECK(utf8_incomplete_tail(std::string("text") + tail));
        CHECK(utf8_incomplete_suffix(std::string("\xff") + tail) == std::string(tail).size());
    }
    for (const char* tail : {"\x80", "\xc0", "\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90", "\xff", "\xe2\x82z"}) {
        CAPTURE(tail);
        CHECK_FALSE(utf8_incomplete_tail(tail));
        CHECK(utf8_incomplete_suffix(tail) == 0);
    }
    CHECK_FALSE(utf8_incomplete_tail("\xff\xc3"));  // the first fault cannot be mended
    CHECK_FALSE(utf8_incomplete_tail(""));
    CHECK_FALSE(utf8_incomplete_tail("whole \xf0\x9f\x98\x80"));
}

TEST_CASE("utf8: repair replaces each maximal ill-formed part once") {
    CHECK(utf8_repair("a\xc3\xa9") == "a\xc3\xa9");
    // The example of table 3-8 of the Unicode Standard, and truncated sequences as in table 3-11.
    CHECK(utf8_repair("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == replacement + replacement + replacement + replacement +
                                                                     replacement + replacement + replacement +
                                                                     replacement + "A");
    CHECK(utf8_repair("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") ==
          replacement + replacement + replacement + replacement + "A");
    CHECK(utf8_repair("\xf0\x9f\x98") == replacement);
}

TEST_CASE("utf8: repair gives valid text for any bytes and changes no valid text") {
    std::mt19937 random(3);
    for (int round = 0; round < 20000; ++round) {
        std::string s;
        for (unsigned n = random() % 12; n > 0; --n)
            s += static_cast<char>(random() % 3 ? 0x80 + random() % 128 : random() % 128);
        const std::string mended = utf8_repair(s);
        REQUIRE(utf8_valid_prefix(mended) == mended.size());
        if (utf8_valid_prefix(s) == s.size()) REQUIRE(mended == s);
    }
}
