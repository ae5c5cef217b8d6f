#include "text/charsmap.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "hearth/base/utf8.hpp"
#include "text/golden_vocab.hpp"
#include "text/piece_normalizer.hpp"

using namespace hearth;
using namespace hearth::text;

namespace {

using Blob = std::vector<std::uint8_t>;

constexpr std::uint32_t value_bit = 0x80000000u;

std::uint32_t unit(unsigned char label, std::uint32_t base, bool leaf) {
    return label | (leaf ? 0x100u : 0) | base << 10;
}

Blob blob_of(const std::vector<std::uint32_t>& units, const std::string& replacements) {
    const auto bytes = static_cast<std::uint32_t>(units.size() * 4);
    Blob out(4 + bytes + replacements.size());
    std::memcpy(out.data(), &bytes, 4);
    if (bytes) std::memcpy(out.data() + 4, units.data(), bytes);
    if (!replacements.empty()) std::memcpy(out.data() + 4 + bytes, replacements.data(), replacements.size());
    return out;
}

// A double array over the rules, each node's children in a block of 256 units of their own. `far`: bases in the long
// form, whose low 8 bits are 0.
Blob compile(const std::map<std::string, std::string>& rules, bool far = false) {
    struct Node {
        std::map<unsigned char, std::size_t> children;
        int replacement = -1;
    };
    std::vector<Node> nodes(1);
    std::string replacements;
    for (const auto& [from, to] : rules) {
        std::size_t at = 0;
        for (const char c : from) {
            const auto byte = static_cast<unsigned char>(c);
            if (!nodes[at].children.contains(byte)) {
                nodes[at].children[byte] = nodes.size();
                nodes.emplace_back();
            }
            at = nodes[at].children[byte];
        }
        nodes[at].replacement = static_cast<int>(replacements.size());
        replacements += to + '\0';
    }
    std::vector<std::uint32_t> units((nodes.size() + 1) * 256);
    for (std::uint32_t i = 0; i < units.size(); ++i) units[i] = value_bit;  // unused: no label equals it
    std::vector<std::uint32_t> place(nodes.size(), 0);
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        const auto block = static_cast<std::uint32_t>((n + 1) * 256);
        const std::uint32_t first = far ? block | (place[n] & 0xff) : block;
        const std::uint32_t base = place[n] ^ first;
        units[place[n]] = (n == 0 ? 0 : units[place[n]] & 0xff) | (nodes[n].replacement >= 0 ? 0x100u : 0) |
                          (far ? base << 2 | 0x200u : base << 10);
        if (nodes[n].replacement >= 0) units[first] = value_bit | static_cast<std::uint32_t>(nodes[n].replacement);
        for (const auto& [byte, child] : nodes[n].children) {
            place[child] = first ^ byte;
            units[place[child]] = byte;
        }
    }
    return blob_of(units, replacements);
}

Charsmap parsed(const Blob& blob) {
    auto map = Charsmap::parse(blob);
    REQUIRE_MESSAGE(map.ok(), map.status().message());
    return *std::move(map);
}

std::string refused(const Blob& blob) {
    const auto map = Charsmap::parse(blob);
    REQUIRE_FALSE(map.ok());
    CHECK(map.status().code() == Code::malformed);
    return map.status().message();
}

const std::map<std::string, std::string> rules = {
    {"a", "x"},      {"abc", "yz"},  {"é", "e"},    {"ﬁ", "fi"},      {"\t", " "},
    {"\u3000", " "}, {"\u200b", ""}, {"¼", " 1/4"}, {"\u2028", "  "}, {"\u1100\u1161", "가"}};

}  // namespace

TEST_CASE("charsmap: the longest rule at a place counts, in both forms of a base") {
    for (const bool far : {false, true}) {
        CAPTURE(far);
        const Charsmap map = parsed(compile(rules, far));
        const auto found = [&](std::string_view text) {
            const auto match = map.find(text);
            return std::pair(match.length, std::string(match.replacement));
        };
        using Found = std::pair<std::size_t, std::string>;
        CHECK(found("a") == Found(1, "x"));
        CHECK(found("abd") == Found(1, "x"));
        CHECK(found("abcd") == Found(3, "yz"));
        CHECK(found("\u200bq") == Found(3, ""));
        CHECK(found("ﬁé") == Found(3, "fi"));
        CHECK(found("\u1100\u1161") == Found(6, "가"));
        CHECK(found("\u1100").first == 0);
        CHECK(found("b").first == 0);
        CHECK(found("").first == 0);
        CHECK(found(std::string_view("\0a", 2)).first == 0);
    }
}

TEST_CASE("charsmap: no blob, no rules") {
    const Charsmap map = parsed({});
    CHECK(map.empty());
    CHECK(map.find("a").length == 0);
}

TEST_CASE("charsmap: a rule never ends within a character") {
    const Charsmap map = parsed(compile({{"\xc3", "!"}, {"\xc3\xa9", "e"}}));
    CHECK(map.find("é").replacement == "e");
    CHECK(map.find("è").length == 0);
}

TEST_CASE("charsmap: a shared suffix is no cycle") {
    // "ac" and "bc" through one node for c.
    std::vector<std::uint32_t> units(512, value_bit);
    units[0] = unit(0, 256, false);
    units[256 ^ 'a'] = unit('a', 256 ^ 'a' ^ 64, false);
    units[256 ^ 'b'] = unit('b', 256 ^ 'b' ^ 64, false);
    units[64 ^ 'c'] = unit('c', 64 ^ 'c' ^ 16, true);
    units[16] = value_bit | 0;
    const Charsmap map = parsed(blob_of(units, std::string("q\0", 2)));
    CHECK(map.find("ac").replacement == "q");
    CHECK(map.find("bc").replacement == "q");
    CHECK(map.find("cc").length == 0);
}

TEST_CASE("charsmap: tries that cannot be walked are refused") {
    const std::string text("q\0é\0", 5);
    SUBCASE("sizes") {
        test::mentions(refused({1, 2, 3}), "3 bytes");
        test::mentions(refused({0, 0, 0, 0}), "0 bytes");
        test::mentions(refused({6, 0, 0, 0, 1, 2, 3, 4, 5, 6}), "6 bytes");
        test::mentions(refused({8, 0, 0, 0, 1, 2, 3, 4}), "only 4 follow");
        test::mentions(refused({0xfc, 0xff, 0xff, 0xff, 1, 2, 3, 4}), "4294967292");
        test::mentions(refused(blob_of(std::vector<std::uint32_t>((1 << 20) + 1, value_bit), text)), "at most 4194304");
    }
    SUBCASE("a base outside the array") {
        test::mentions(refused(blob_of({unit(0, 300, false)}, text)), "unit 0 points to unit 300 of 1");
    }
    SUBCASE("a node that is its own child") {
        std::vector<std::uint32_t> units(256, value_bit);
        units[0] = unit(0, 1, false);
        units[1 ^ 'a'] = unit('a', 'a', false);
        test::mentions(refused(blob_of(units, text)), "leads back");
    }
    SUBCASE("two nodes that lead to each other") {
        std::vector<std::uint32_t> units(256, value_bit);
        units[0] = unit(0, 1, false);
        const std::uint32_t a = 1 ^ 'a', b = 4 ^ 'b';
        units[a] = unit('a', a ^ 4, false);
        units[b] = unit('b', b ^ 1, false);
        test::mentions(refused(blob_of(units, text)), "leads back");
    }
    SUBCASE("a replacement outside the strings, or within a character") {
        std::vector<std::uint32_t> units(256, value_bit);
        units[0] = unit(0, 1, false);
        units[1 ^ 'a'] = unit('a', 1 ^ 'a' ^ 7, true);
        units[7] = value_bit | 5;
        test::mentions(refused(blob_of(units, text)), "byte 5 of 5");
        units[7] = value_bit | 3;
        test::mentions(refused(blob_of(units, text)), "into a character");
        units[7] = value_bit | 2;
        CHECK(parsed(blob_of(units, text)).find("a").replacement == "é");
    }
    SUBCASE("rules and replacements beyond any use") {
        CHECK(parsed(compile({{std::string(256, 'a'), "x"}})).find(std::string(256, 'a')).length == 256);
        test::mentions(refused(compile({{std::string(257, 'a'), "x"}})), "more than 256 bytes");
        CHECK(parsed(compile({{"a", std::string(256, 'x')}})).find("a").replacement.size() == 256);
        test::mentions(refused(compile({{"a", std::string(257, 'x')}})), "has 257 bytes");
    }
    SUBCASE("strings") {
        test::mentions(refused(blob_of({value_bit}, "q")), "NUL");
        test::mentions(refused(blob_of({value_bit}, std::string("q\xff\0", 3))),
                       "byte 1 of the replacements is not UTF-8");
    }
}

TEST_CASE("charsmap: damaged blobs are refused or give UTF-8") {
    const auto check = [](const Blob& blob) {
        const auto map = Charsmap::parse(blob);
        if (!map.ok()) return false;
        const std::string text = "abcabéﬁ\t\u3000\u200b¼\u2028\u1100\u1161 zäß漢字\xf0\x9f\x98\x80";
        const std::string out = PieceNormalizer{*map, true, true}.apply(text);
        CHECK(utf8_valid_prefix(out) == out.size());
        return true;
    };
    const Blob good = compile(rules);
    REQUIRE(check(good));
    for (std::size_t n = 1; n < good.size(); n += n < good.size() - 100 ? 97 : 1)
        CHECK_FALSE(check({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)}));
    std::mt19937 random(5);
    std::size_t accepted = 0;
    for (int round = 0; round < 3000; ++round) {
        Blob bad = good;
        for (std::uint32_t n = 1 + random() % 8; n > 0; --n)
            bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
        accepted += check(bad);
    }
    CHECK(accepted > 0);
    CHECK(accepted < 3000);
    for (int round = 0; round < 3000; ++round) {  // noise with a right size field
        std::vector<std::uint32_t> units(256);
        for (auto& u : units) u = static_cast<std::uint32_t>(random()) & (random() % 2 ? 0x3ffffu : ~0u);
        check(blob_of(units, std::string("a\0b\0", 4)));
    }
}

TEST_CASE("normalizer: white space, prefix and rules as SentencePiece orders them") {
    const Charsmap map = parsed(compile(rules));
    const auto apply = [&](std::string_view text, bool prefix, bool remove) {
        return PieceNormalizer{map, prefix, remove}.apply(text);
    };
    CHECK(apply("", true, true).empty());
    CHECK(apply("", true, false).empty());
    CHECK(apply("  \t ", true, true).empty());
    CHECK(apply("  ", true, false) == "▁▁▁");
    CHECK(apply("  q  r ", true, true) == "▁q▁r");
    CHECK(apply("  q  r ", false, true) == "q▁r");
    CHECK(apply("  q  r ", true, false) == "▁▁▁q▁▁r▁");
    CHECK(apply(" q", false, false) == "▁q");
    CHECK(apply("q\u3000\tr\u200bs", false, true) == "q▁rs");
    CHECK(apply("q ¼", false, true) == "q▁1/4");      // the space that the replacement begins with is superfluous
    CHECK(apply("q\u2028r", false, true) == "q▁▁r");  // within a replacement spaces stay
    CHECK(apply("\u200b", true, true).empty());
    CHECK(apply("\u200b", true, false) == "▁");
    CHECK(apply("q▁ ", false, true) == "q");  // the letter itself counts as a space at the end
    CHECK(PieceNormalizer{}.apply("a é") == "a▁é");
}
