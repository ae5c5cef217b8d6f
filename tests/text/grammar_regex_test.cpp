#include "support/golden.hpp"
#include "text/grammar_support.hpp"

namespace hearth {
namespace {

using test::made;
using test::matches;

struct Case {
    std::string_view pattern;
    std::vector<std::string> good, bad;
};

TEST_CASE("regex: texts that match as a whole and texts that do not") {
    const Case cases[] = {
        {"", {""}, {"a"}},
        {"abc|d", {"abc", "d"}, {"ab", "abcd", ""}},
        {"^(?:a|b)+?$", {"a", "abba"}, {"", "c"}},
        {"[a-z_][a-z0-9_]{0,3}", {"a", "_9z1"}, {"9", "abcde"}},
        {"\\d{3}-\\d{4}", {"555-0199"}, {"5555-019", "555-019"}},
        {"\\w+\\s\\S+", {"ab \xc3\xa9", "a\t.", "a\xe2\x80\xa8x"}, {"ab", "a  "}},
        {"[^\\d\\s]", {"x", "\xf0\x9f\x98\x80"}, {"1", " ", "xx"}},
        {".", {"a", "\xe2\x82\xac"}, {"\n", "", "\xe2\x80\xa8"}},
        {"\\p{Lu}\\p{L}*\\P{L}", {"\xc3\x89t\xc3\xa9!", "A1"}, {"a1", "Ab"}},
        {"(?<year>\\d\\d)(?P<m>x)?", {"12", "12x"}, {"1"}},
        {"\\x41\\u0042\\u{1F600}\\uD83D\\uDE00\\cJ\\0",
         {std::string("AB\xf0\x9f\x98\x80\xf0\x9f\x98\x80\n\0", 12)},
         {"AB"}},
        {"[\\]\\-a\\b-]+", {"]-a\b"}, {"b"}},
        {"\\.\\/\\^\\$", {"./^$"}, {"a/^$"}},
        {"((a{2,3}){2,3}b?){2}", {"aaaaaaaa", "aaaabaaaab", std::string(18, 'a')}, {"aaaaaaa", std::string(19, 'a')}},
        {"^a|b$", {"a", "b"}, {"ab"}},
        {"a{10,}", {std::string(10, 'a'), std::string(500, 'a')}, {std::string(9, 'a')}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.pattern);
        const auto grammar = made(Grammar::from_regex(c.pattern));
        for (const std::string& text : c.good) {
            CAPTURE(text);
            CHECK(matches(grammar, text));
        }
        for (const std::string& text : c.bad) {
            CAPTURE(text);
            CHECK(!matches(grammar, text));
        }
    }
}

TEST_CASE("regex: what is not supported is named, with its column") {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"a(?=b)", "column 2: lookaround is not supported"},
        {"(?<!b)c", "column 1: lookaround is not supported"},
        {"(a)\\1", "column 4: backreferences are not supported"},
        {"(?<n>a)\\k<n>", "column 8: backreferences are not supported"},
        {"(?i)a", "flags and other groups"},
        {"a\\b", "word boundaries are not supported"},
        {"a^b", "column 2: '^' stands at the beginning"},
        {"a$b", "column 2: '$' stands at the end"},
        {"(^a)", "'^' within a group is not supported"},
        {"(a", "'(' is never closed"},
        {"a)", "column 2: ')' closes nothing"},
        {"[a", "'[' is never closed"},
        {"*", "'*' repeats nothing"},
        {"a**", "a repetition of a repetition"},
        {"a{3", "'}' is expected"},
        {"a{5,2}", "at least 5 repetitions but at most 2"},
        {"\\p{Script=Greek}", "property 'Script=Greek' is not supported"},
        {"\\q", "an unknown escape"},
        {"[z-a]", "a range ends before it begins"},
        {"[\\d-z]", "a range between what is not one character"},
        {"[[:alpha:]]", "POSIX classes are not supported"},
        {"\\", "ends behind a backslash"},
        {"[]", "no text belongs"},
    };
    for (const auto& entry : cases) {
        const auto& [pattern, expected] = entry;
        INFO(entry.first);
        const auto grammar = Grammar::from_regex(pattern);
        REQUIRE(!grammar.ok());
        CHECK_MESSAGE(grammar.status().message().find(expected) != std::string::npos, grammar.status().message());
    }
}

TEST_CASE("regex: classes of many ranges, counted, are within what a mask may cost") {
    const auto grammar = made(Grammar::from_regex("(?:\\p{L}{1,40}[^\\p{L}\\p{N}]{1,9})+"));
    std::mt19937 random(3);
    const auto tokens = test::small_vocabulary("ab \xc3\xa9\xe2\x82\xac.", 3000, 5);
    for (int i = 0; i < 5; ++i)
        if (const auto out = test::generate(grammar, tokens, random, 60)) CHECK(matches(grammar, *out));
}

TEST_CASE("regex: any bytes give a grammar or an error") {
    std::string named;
    for (int i = 0; i < 10000; ++i) named += "\\p{L}";
    CHECK(!Grammar::from_regex(named).ok());
    std::mt19937 random(11);
    const std::string_view alphabet = "()[]{}^$|?*+.\\-,:=!<>019abdDwWsSpPux\xc3\xa9";
    for (int i = 0; i < (test::kThin ? 1000 : 5000); ++i) {
        std::string pattern;
        for (std::size_t n = random() % 12; n-- > 0;) pattern += alphabet[random() % alphabet.size()];
        const auto grammar = Grammar::from_regex(pattern);
        if (!grammar.ok()) CHECK(!grammar.status().message().empty());
    }
}

}  // namespace
}  // namespace hearth
