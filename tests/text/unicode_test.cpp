#include "text/unicode.hpp"

#include <doctest/doctest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <random>
#include <string>

#include "hearth/base/utf8.hpp"

using namespace hearth;
using namespace hearth::text;

TEST_CASE("unicode: white space is exactly the White_Space property") {
    const std::u32string expected =
        U"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
        U"\u202f\u205f\u3000";
    std::u32string found;
    for (char32_t c = 0; c < 0x110000; ++c)
        if (unicode::is_whitespace(c)) found += c;
    CHECK(found == expected);
}

TEST_CASE("unicode: categories of characters at the edges") {
    for (const char32_t c : {U'\0', U'\x1f', U'\x7f', U'\u0085', U'\u00ad', U'\u200b', U'\u200d', U'\ufeff', U'\ue000'})
        CHECK(unicode::is_control(c));
    for (const char32_t c : {U' ', U'a', U'\u00a0', U'\u0378', U'\U000e0080', U'\ufffd'})  // U+0378 is unassigned
        CHECK_FALSE(unicode::is_control(c));
    for (const char32_t c : {U'!', U'_', U'-', U'(', U'\u00ab', U'\u2019', U'\u3002', U'\u0964', U'\uff0c'})
        CHECK(unicode::is_punctuation(c));
    for (const char32_t c : {U'$', U'+', U'^', U'`', U'|', U'~', U'a', U'1', U'\u20ac', U'\U0001f600'})
        CHECK_FALSE(unicode::is_punctuation(c));
    for (const char32_t c : {U'\u0300', U'\u0345', U'\u094d', U'\ufe0f'}) CHECK(unicode::is_nonspacing_mark(c));
    for (const char32_t c : {U'a', U'\u0903', U'\u20dd'}) CHECK_FALSE(unicode::is_nonspacing_mark(c));  // Mc, Me
}

TEST_CASE("unicode: ideographs are BERT's blocks, kana and Hangul are not among them") {
    for (const char32_t c : {U'\u3400', U'\u4dbf', U'\u4e00', U'\u9fff', U'\uf900', U'\ufaff', U'\U00020000',
                             U'\U0002a6df', U'\U0002b820', U'\U0002ceaf', U'\U0002f800', U'\U0002fa1f'})
        CHECK(unicode::is_cjk(c));
    for (const char32_t c :
         {U'a', U'\u3042', U'\u30ab', U'\uac00', U'\u3002', U'\u33ff', U'\u4dc0', U'\ua000', U'\U0002ceb0'})
        CHECK_FALSE(unicode::is_cjk(c));
}

TEST_CASE("unicode: lower case is full and without context") {
    CHECK(unicode::lower(U"AZaz[@`{09") == U"azaz[@`{09");
    CHECK(unicode::lower(U"ÀÞß×÷ŸĲǅ") == U"àþß×÷ÿĳǆ");
    CHECK(unicode::lower(U"ΑΣΣ") == U"ασσ");  // no final sigma
    CHECK(unicode::lower(U"İI") == U"i\u0307i");
    CHECK(unicode::lower(U"ẞ\u212b\u2126\u212a") == U"ß\u00e5\u03c9k");
    CHECK(unicode::lower(U"\U00010400") == U"\U00010428");
}

TEST_CASE("unicode: canonical decomposition of the Standard's examples") {
    CHECK(unicode::nfd(U"") == U"");
    CHECK(unicode::nfd(U"plain") == U"plain");
    CHECK(unicode::nfd(U"\u00c5\u212b") == U"A\u030aA\u030a");
    CHECK(unicode::nfd(U"\u1e69") == U"s\u0323\u0307");
    CHECK(unicode::nfd(U"s\u0307\u0323") == U"s\u0323\u0307");  // sorted by class
    CHECK(unicode::nfd(U"a\u0301\u0300") == U"a\u0301\u0300");  // equal classes keep their order
    CHECK(unicode::nfd(U"\u0344") == U"\u0308\u0301");
    CHECK(unicode::nfd(U"\u1f82") == U"\u03b1\u0313\u0300\u0345");  // the longest: four
    CHECK(unicode::nfd(U"\uac01\ud4db") == U"\u1100\u1161\u11a8\u1111\u1171\u11b6");
    CHECK(unicode::nfd(U"\uf900\U0002f800") == U"\u8c48\u4e3d");
    CHECK(unicode::nfd(U"\ufb01\u00bd") == U"\ufb01\u00bd");  // compatibility only
    CHECK(unicode::strip_marks(unicode::nfd(U"Cửa Việt Äpfel")) == U"Cua Viet Apfel");
}

TEST_CASE("unicode: decomposition agrees with utf8proc's own on random text") {
    std::mt19937 random(11);
    const auto below = [&](std::uint32_t n) { return static_cast<char32_t>(random() % n); };
    for (int round = 0; round < 20000; ++round) {
        std::u32string text;
        for (std::uint32_t n = 1 + random() % 12; n > 0; --n) {
            switch (random() % 5) {
                case 0:
                    text += U'a' + below(26);
                    break;
                case 1:
                    text += U'\u0300' + below(0x70);
                    break;
                case 2:
                    text += U'\u00c0' + below(0x2000);
                    break;
                case 3:
                    text += U'\uac00' + below(11172);
                    break;
                default:
                    text += U'\U0001d100' + below(0x100);
                    break;
            }
        }
        const std::string utf8 = unicode::encode(text);
        utf8proc_uint8_t* expected = nullptr;
        REQUIRE(utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                             static_cast<utf8proc_ssize_t>(utf8.size()), &expected,
                             static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE)) >= 0);
        CHECK(unicode::encode(unicode::nfd(text)) == reinterpret_cast<const char*>(expected));
        std::free(expected);
    }
}

TEST_CASE("unicode: a long run of marks is ordered without quadratic time") {
    std::u32string marks;  // classes 230 and 220 in turn: an exchange of neighbours would take 10^11 steps
    for (int i = 0; i < 500000; ++i) marks += i % 2 ? U'\u0323' : U'\u0301';
    const auto out = unicode::nfd(marks);
    REQUIRE(out.size() == marks.size());
    CHECK(out.substr(0, 250000) == std::u32string(250000, U'\u0323'));
}

TEST_CASE("unicode: every scalar value survives UTF-8") {
    std::u32string all;
    for (char32_t c = 0; c < 0x110000; ++c)
        if (c < 0xd800 || c > 0xdfff) all += c;
    const std::string utf8 = unicode::encode(all);
    CHECK(utf8_valid_prefix(utf8) == utf8.size());
    CHECK(unicode::decode(utf8) == all);
}
