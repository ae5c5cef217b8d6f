// Regular expressions of tokenizer.json files split texts as the tokenizers package does
// (tests/golden/text/hf_splits.json, written by make_hf_splits_golden.py); what has no counterpart is refused; any
// pattern costs little.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "formats/hf/patterns.hpp"
#include "formats/hf/splits.hpp"
#include "hearth/base/rng.hpp"
#include "support/golden.hpp"
#include "text/pre_tokenizer.hpp"

namespace hearth::test {

namespace {

using nlohmann::json;

Result<text::PreTokenizer> splitter_of(const std::string& pattern) {
    const json split = {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    const auto parsed = formats::Json::parse(split.dump(), "tokenizer.json");
    REQUIRE(parsed.ok());
    formats::Splits splits;
    HEARTH_TRY(formats::read_pre_tokenizer(parsed->root(), splits));
    return text::PreTokenizer::make("tokenizer.json", {splits.patterns.begin(), splits.patterns.end()}, 0);
}

// Of each piece the number of characters, as a character from '0' on.
std::string pieces(const text::PreTokenizer& pre, const std::string& text) {
    std::string out;
    text::Splitter splitter(pre);
    const Status s = splitter.split(text, [&](std::string_view word) -> Status {
        char n = '0';
        for (const char c : word) n = static_cast<char>(n + ((c & 0xc0) != 0x80 ? 1 : 0));
        out += n;
        return {};
    });
    CHECK_MESSAGE(s.ok(), s.message());
    return out;
}

}  // namespace

TEST_CASE("tokenizer.json: regular expressions split as in the tokenizers package") {
    const json golden_file = json::parse(read_text(golden("text/hf_splits.json")));
    const std::vector<std::string> texts = golden_file["texts"];
    std::size_t patterns = 0;
    for (const json& c : golden_file["cases"]) {
        const std::string pattern = c["pattern"];
        CAPTURE(pattern);
        const auto pre = splitter_of(pattern);
        CHECK_MESSAGE(pre.ok(), pre.status().message());
        if (!pre.ok()) continue;
        CHECK(!pre->may_match_nothing());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CAPTURE(i);
            CHECK(pieces(*pre, texts[i]) == c["pieces"][i].get<std::string>());
        }
        ++patterns;
    }
    CHECK(patterns >= 100);
}

TEST_CASE("tokenizer.json: regular expressions that may match nothing are told apart") {
    for (const char* pattern : {"a*", "\\b", "(?=\\p{Lu})", "a|", "^", "x{,2}", "a{2}?"}) {
        CAPTURE(pattern);
        const auto pre = splitter_of(pattern);
        REQUIRE(pre.ok());
        CHECK(pre->may_match_nothing());
    }
}

TEST_CASE("tokenizer.json: regular expressions without counterpart are refused by what they have") {
    const std::vector<std::pair<std::string, std::string>> cases = {{"a\\Kb", "\\K"},
                                                                    {"\\y", "\\y"},
                                                                    {"\\X", "\\X"},
                                                                    {"(?~a)", "(?~"},
                                                                    {"(?x)a", "(?x"},
                                                                    {"(?W)a", "(?W"},
                                                                    {"(a)\\1", "\\1"},
                                                                    {"\\k<a>", "\\k"},
                                                                    {"[a-\\w]", "range"},
                                                                    {"[\\d-z]", "range"},
                                                                    {"[[:graph:]]", "[:graph:]"},
                                                                    {"[a", "']'"},
                                                                    {"(a", "')'"},
                                                                    {"a)", "'('"},
                                                                    {"*a", "repeats"},
                                                                    {"|+", "repeats"},
                                                                    {"\\", "backslash"},
                                                                    {"[\\", "backslash"},
                                                                    {"\\p", "braces"},
                                                                    {"\\p{Foo1}", "Foo1"},
                                                                    {"\\p{}", "name"},
                                                                    {"\\xe4", "\\xe4"},
                                                                    {"\\u12", "\\u12"},
                                                                    {"(*UTF)a", "(*"},
                                                                    {"(?<name>a)", "(?<"},
                                                                    {"(?#a", "comment"},
                                                                    {"\\C-a", "\\C"},
                                                                    {"[\\R]", "\\R"},
                                                                    {std::string(70000, 'a'), "bytes"},
                                                                    {std::string(300, '('), "within"},
                                                                    {std::string(300, '['), "within"},
                                                                    {"a" + std::string(600, '*'), "repeats"}};
    for (const auto& [pattern, word] : cases) {
        const auto got = formats::pcre_pattern(pattern);
        CHECK_MESSAGE(!got.ok(), pattern);
        CHECK(got.status().code() == Code::unsupported);
        CHECK_MESSAGE(got.status().message().find(word) != std::string::npos,
                      "'" << word << "' in: " << got.status().message());
    }
}

TEST_CASE(
    "tokenizer.json: any regular expression is translated or refused, and what is translated compiles or is refused") {
    const std::vector<std::string> parts = {
        "a",    "b",         "\\w",      "\\W",  "\\s",     "\\b", "[", "]",      "^",         "&&",
        "-",    "(",         "(?:",      "(?=",  "(?i)",    "(?m", ")", "{",      "}",         "{2,3}",
        "{,2}", "*",         "+",        "?",    "|",       ".",   "$", "\\p{L}", "\\P{^Han}", "\\x{41}",
        "\\",   "[:alpha:]", "\xc3\xa9", "\xff", "\\u00e9", ":",   "1", ","};
    std::uint64_t draw = 0;
    const auto next = [&] { return philox4x32(23, draw++, 0)[0]; };
    std::size_t translated = 0, compiled = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string pattern;
        for (std::uint32_t i = 0; i <= next() % 12; ++i) pattern += parts[next() % parts.size()];
        const auto got = formats::pcre_pattern(pattern);
        if (!got.ok()) {
            CHECK(got.status().message().starts_with("tokenizer.json: "));
            continue;
        }
        ++translated;
        const auto pre = text::PreTokenizer::make("tokenizer.json", {*got}, 0);
        compiled += pre.ok() ? 1 : 0;
    }
    MESSAGE(translated << " of 4000 patterns translated, " << compiled << " compiled");
    CHECK(translated >= 200);
    CHECK(compiled >= 200);
}

}  // namespace hearth::test
