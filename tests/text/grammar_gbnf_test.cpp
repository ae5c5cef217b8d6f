#include "text/grammar_support.hpp"

namespace hearth {
namespace {

using test::made;
using test::matches;

struct Case {
    std::string_view grammar;
    std::vector<std::string> good, bad;
};

TEST_CASE("gbnf: texts that belong to grammars and texts that do not") {
    const Case cases[] = {
        {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "yesno", "nope"}},
        {"# comment\nroot ::= [a-c]+ # more\n  \"x\"?\n", {"a", "abcx", "cx"}, {"", "x", "axx", "d"}},
        {"root ::= [^a-y\\n]*", {"", "z", "\xc3\xa9\xf0\x9f\x98\x80"}, {"a", "zz\n", "\xc3", "\xed\xa0\x80"}},
        {"root ::= .{2,3}", {"ab", "a\xe2\x82\xac\n"}, {"a", "abcd", "\xff\xff"}},
        {"root ::= \"a\"{3} \"b\"{2,} \"c\"{,}", {}, {}},
        {"root ::= \"\\x41\\u00e9\\U0001F600\\\"\\\\\\n\"", {"A\xc3\xa9\xf0\x9f\x98\x80\"\\\n"}, {"A"}},
        {"root ::= \"(\" root? \")\" | \"[\" inner \"]\"\ninner ::= root |\n \"x\"",
         {"()", "(())", "([x])", "[([[x]])]"},
         {"", "(]", "([])", "(()"}},
        {"root ::= (\"a\" | \"b\"\n | \"c\")\n\"d\"", {"ad", "cd"}, {"a", "d"}},
        {"root ::= [\\]\\-x-]+", {"]-x", "-"}, {"\\", "y"}},
        {"root ::= (\"ab\"){20,30} [0-9]{12}", {}, {"ab"}},
        {"root ::= item-1 rest\nitem-1 ::= \"1\"\nrest ::= \"\" | \"2\" rest", {"1", "122222"}, {"", "2", "11"}},
        {"root ::= ((\"a\"?)*)+ \"b\"", {"b", "aab"}, {"a", "ba"}},
        {"root ::= (\"a\"?){3,5}", {"", "a", "aaaaa"}, {"aaaaaa"}},
        {"root ::= \"x\" dead | \"y\"\ndead ::= \"z\" dead", {"y"}, {"x", "xz"}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.grammar);
        const auto grammar = Grammar::from_gbnf(c.grammar);
        if (c.grammar.find("{,}") != std::string_view::npos) {
            CHECK(!grammar.ok());
            continue;
        }
        for (const std::string& text : c.good) {
            CAPTURE(text);
            CHECK(matches(made(grammar), text));
        }
        for (const std::string& text : c.bad) {
            CAPTURE(text);
            CHECK(!matches(made(grammar), text));
        }
    }
}

TEST_CASE("gbnf: counts of repetitions are exact beside their bounds") {
    const auto grammar = made(Grammar::from_gbnf("root ::= pair{20,30} [0-9]{12}\npair ::= \"a\" [bc]"));
    for (std::size_t pairs = 0; pairs < 40; ++pairs) {
        std::string text;
        for (std::size_t i = 0; i < pairs; ++i) text += i % 3 == 0 ? "ab" : "ac";
        CHECK(matches(grammar, text + "012345678901") == (pairs >= 20 && pairs <= 30));
        CHECK(!matches(grammar, text + "01234567890"));
        CHECK(!matches(grammar, text + "0123456789012"));
    }
}

TEST_CASE("gbnf: errors name the line and column") {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", "rule 'root' is missing"},
        {"root ::= \"a\nb", "line 1, column 10: '\"' is never closed"},
        {"root ::= (\"a\"", "line 1, column 10: '(' is never closed"},
        {"root ::= \"a\")", "')' closes nothing"},
        {"root ::= [a", "'[' is never closed"},
        {"root ::= [z-a]", "a range ends before it begins"},
        {"root ::= \"a\"\n\nroot ::= \"b\"", "line 3, column 1: rule 'root' has been defined before"},
        {"root ::= \"\xc3\xa9\" nobody", "line 1, column 14: rule 'nobody' is not defined"},
        {"root ::= \"a\"{3,2}", "at least 3 repetitions but at most 2"},
        {"root ::= \"a\"{99999999999}", "a number of repetitions is expected"},
        {"root ::= \"\\q\"", "line 1, column 11: an unknown escape"},
        {"root ::= \"\\ud800\"", "no such code point"},
        {"root ::= root \"a\" | \"b\"", "rule 'root' begins with itself"},
        {"root ::= a\na ::= \"\" b\nb ::= \"x\"? a \"y\" | \"z\"", "begins with itself"},
        {"root ::= (root?)* \"a\"", "begins with itself"},
        {"root ::= \"a\" root", "never ends"},
        {"root ::= []", "never ends"},
        {"root ::= <think>", "line 1, column 10: tokens in grammars are not supported"},
        {"root = \"a\"", "'::=' is expected behind the name 'root'"},
        {"root ::= \xff", "is not UTF-8 at byte 9"},
        {"root ::= (\"a\"?){1,1000000}", "what can be empty is repeated up to 1000000 times"},
    };
    for (const auto& entry : cases) {
        const auto& [text, expected] = entry;
        INFO(entry.first);
        const auto grammar = Grammar::from_gbnf(text);
        REQUIRE(!grammar.ok());
        CHECK_MESSAGE(grammar.status().message().find(expected) != std::string::npos, grammar.status().message());
    }
}

TEST_CASE("gbnf: hostile grammars end in errors soon, or are cheap") {
    std::string deep = "root ::= ";
    for (int i = 0; i < 100000; ++i) deep += '(';
    CHECK(!Grammar::from_gbnf(deep).ok());
    std::string starred = "root ::= \"a\"";
    for (int i = 0; i < 100000; ++i) starred += '*';
    CHECK(!Grammar::from_gbnf(starred).ok());
    CHECK(matches(made(Grammar::from_gbnf("root ::= \"a\"{0,1000000000}")), std::string(5000, 'a')));
    std::string doubling = "root ::= r0\n";
    for (int i = 0; i < 60; ++i)
        doubling += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" + std::to_string(i + 1) + "\n";
    doubling += "r60 ::= \"a\" | \"b\"";
    CHECK(!matches(made(Grammar::from_gbnf(doubling)), std::string(5000, 'a')));
    // As many ways to read n letters as there are trees: all share their stacks, or it is refused.
    const auto ambiguous = made(Grammar::from_gbnf("root ::= \"a\" root root? | \"a\""));
    Constraint constraint(ambiguous, test::small_vocabulary());
    Status status;
    for (int i = 0; i < 1000 && status.ok(); ++i) status = constraint.accept_text("a");
    CHECK((status.ok() || status.message().find("too ambiguous") != std::string::npos));
    std::string wide = "root ::= ";
    for (int i = 0; i < 30000; ++i) wide += "(" + std::to_string(i) + "x)|";
    CHECK(!Grammar::from_gbnf(wide).ok());
}

TEST_CASE("constraint: masks are what accept takes, for any vocabulary") {
    const std::string_view grammars[] = {
        "root ::= \"{\" pair (\",\" pair)* \"}\"\npair ::= [a-c]{1,3} \":\" (root | [0-9]{2,40})",
        "root ::= (\"a\" | \"ab\" | \"abc\"){3,12} [c-d]*",
        "root ::= [ab]{5,70} ((\"c\" | \"d\"){10,60} \",\"?){1,50}",
        "root ::= ([a-d]{9,33} | [ab]{12} [01]{12}){2,3}",
        "root ::= [a-d]{10} (\",\" [^a-b]{0,2}){1,30}",
    };
    std::mt19937 random(7);
    for (const std::string_view text : grammars) {
        CAPTURE(text);
        const auto grammar = made(Grammar::from_gbnf(text));
        const auto tokens = test::small_vocabulary("abcd:{},01", 200, 3);
        for (int i = 0; i < 40; ++i) {
            const auto out = test::generate(grammar, tokens, random, 300, i == 0);
            if (out) CHECK_MESSAGE(matches(grammar, *out), *out);
        }
    }
}

TEST_CASE("constraint: ends, refusals and copies") {
    const auto grammar = made(Grammar::from_choices(std::vector<std::string>{"one", "oneself", "two", ""}));
    const auto tokens = test::small_vocabulary("onesltwf", 50);
    const Token end = tokens->ends().front();
    Constraint constraint(grammar, tokens);
    CHECK(*constraint.can_end());
    CHECK(!*constraint.must_end());
    CHECK(!constraint.accept('x').ok());
    CHECK(!constraint.accept(-1).ok());
    CHECK(!constraint.accept(static_cast<Token>(tokens->size())).ok());
    REQUIRE(constraint.accept('o').ok());
    CHECK(!constraint.accept(end).ok());
    REQUIRE(constraint.accept_text("ne").ok());
    Constraint fork = constraint;
    REQUIRE(fork.accept(end).ok());
    CHECK(*fork.must_end());
    const auto nothing = fork.mask();
    for (const std::uint64_t word : *nothing) CHECK(word == 0);
    CHECK(!fork.accept(end).ok());
    CHECK(!*constraint.must_end());
    CHECK(!constraint.accept_text("selfless").ok());
    REQUIRE(constraint.accept_text("self").ok());
    CHECK(*constraint.must_end());
    CHECK(test::allowed(*constraint.mask(), end));
    CHECK(!Grammar::from_choices({}).ok());
}

}  // namespace
}  // namespace hearth
