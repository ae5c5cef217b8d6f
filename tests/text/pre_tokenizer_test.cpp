#include "text/pre_tokenizer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/golden.hpp"
#include "support/text.hpp"

using namespace hearth;
using namespace hearth::text;

namespace {

std::vector<std::string> words(const PreTokenizer& pre, std::string_view text) {
    std::vector<std::string> out;
    const Status status = Splitter(pre).split(text, [&](std::string_view word) -> Status {
        out.emplace_back(word);
        return {};
    });
    REQUIRE_MESSAGE(status.ok(), status.message());
    return out;
}

std::vector<std::string> words(std::string_view name, std::string_view text) {
    const auto pre = PreTokenizer::make(name);
    REQUIRE_MESSAGE(pre.ok(), pre.status().message());
    return words(*pre, text);
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("pre-tokenizer: splits as Hugging Face tokenizers does with the models' own patterns") {
    const auto golden = nlohmann::json::parse(test::read_text(test::golden("text/pre_tokenizers.json")));
    const auto texts = golden.at("texts").get<std::vector<std::string>>();
    REQUIRE(texts.size() >= 50);
    REQUIRE(golden.at("word_bytes").size() >= 28);
    for (const auto& [name, lists] : golden.at("word_bytes").items()) {
        CAPTURE(name);
        REQUIRE(lists.size() == texts.size());
        const auto pre = PreTokenizer::make(name);
        REQUIRE(pre.ok());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CAPTURE(texts[i]);
            std::vector<std::size_t> bytes;
            for (const std::string& word : words(*pre, texts[i])) bytes.push_back(word.size());
            CHECK(bytes == lists[i].get<std::vector<std::size_t>>());
        }
    }
}

TEST_CASE("pre-tokenizer: every name of the list compiles and its words make up the text") {
    std::mt19937 random(11);
    CHECK(pre_tokenizer_names().size() > 80);
    for (const std::string_view name : pre_tokenizer_names()) {
        CAPTURE(name);
        for (int round = 0; round < 20; ++round) {
            const std::string text = test::random_text(random, 60);
            std::string joined;
            for (const std::string& word : words(name, text)) {
                CHECK_FALSE(word.empty());
                joined += word;
            }
            CHECK(joined == text);
        }
        CHECK(words(name, "").empty());
    }
}

TEST_CASE("pre-tokenizer: an unknown name is an error that says it") {
    const auto pre = PreTokenizer::make("no-such");
    REQUIRE_FALSE(pre.ok());
    CHECK(pre.status().code() == Code::unsupported);
    CHECK(pre.status().message().find("pre-tokenizer 'no-such' is not supported") != std::string::npos);
    CHECK_FALSE(PreTokenizer::make("").ok());
    CHECK_FALSE(PreTokenizer::make("gpt-2\n").ok());
}

TEST_CASE("pre-tokenizer: contractions fold case as Unicode does, categories are Unicode's") {
    CHECK(words("llama-bpe", "I'LL it'ſ don't") == Words{"I", "'LL", " it", "'ſ", " don", "'t"});
    CHECK(words("gpt-2", "I'LL don't") == Words{"I", "'", "LL", " don", "'t"});
    CHECK(words("llama-bpe", "12345 ½٣") == Words{"123", "45", " ", "½٣"});
    CHECK(words("qwen2", "12½") == Words{"1", "2", "½"});
    CHECK(words("gpt-4o", "HTMLParser ÀÉîÔ's") == Words{"HTMLParser", " ÀÉî", "Ô's"});
    CHECK(words("qwen35", "e\xcc\x81t") == Words{"e\xcc\x81t"});
    CHECK(words("qwen2", "e\xcc\x81t") == Words{"e", "\xcc\x81t"});
    // U+180E is no white space, U+0085 is.
    CHECK(words("gpt-2", "a\xe1\xa0\x8e") == Words{"a", "\xe1\xa0\x8e"});
    CHECK(words("gpt-2", "a \xe1\xa0\x8e") == Words{"a", " \xe1\xa0\x8e"});
    CHECK(words("gpt-2", "a \xc2\x85") == Words{"a", " \xc2\x85"});
    CHECK(words("gpt-2", "a  b") == Words{"a", " ", " b"});
    CHECK(words("superbpe", "1234567") == Words{"1", "234", "567"});
    CHECK(words("afmoe", "1234567x12 漢字かなa.bc") == Words{"1", "234", "567", "x", "12", " ", "漢字かな", "a", ".bc"});
    CHECK(words("tiny_aya", "1234567 12ab") == Words{"1", "234", "567", " ", "12", "ab"});
}

TEST_CASE("pre-tokenizer: time grows linearly with inputs made to hurt") {
    const auto repeat = [](std::string_view part, std::size_t bytes, std::string_view end) {
        std::string out;
        while (out.size() < bytes) out += part;
        return out += end;
    };
    static constexpr const char* inputs[][2] = {{"a", ""},        {" ", ""},    {" ", "a"},     {"\n", "a"},
                                                {"1", "a"},       {"A", "1"},   {"Aa", ""},     {"'", ""},
                                                {"\xcc\x81", ""}, {" \n", "x"}, {"1½", ""},     {"\xc2\xa0", "a"},
                                                {"ʰ", "A"},       {"a ", ""},   {"IMGIMGA", ""}};
    for (const std::string_view name : pre_tokenizer_names()) {
        CAPTURE(name);
        const auto pre = PreTokenizer::make(name);
        REQUIRE(pre.ok());
        for (const auto& [part, end] : inputs) {
            CAPTURE(part);
            // Four times the text: a quadratic pattern takes sixteen times as long.
            const auto time = [&](std::size_t bytes) {
                const std::string text = repeat(part, bytes, end);
                std::clock_t best = std::numeric_limits<std::clock_t>::max();  // of the processor, not of the wall
                for (int round = 0; round < (test::kThin ? 1 : 3); ++round) {
                    const std::clock_t start = std::clock();
                    std::size_t sum = 0;
                    const Status status = Splitter(*pre).split(text, [&](std::string_view word) -> Status {
                        sum += word.size();
                        return {};
                    });
                    best = std::min(best, std::clock() - start);
                    REQUIRE(status.ok());
                    REQUIRE(sum == text.size());
                }
                return best;
            };
            if (test::kThin) {  // that the text comes back whole; how long it takes is the plain build's question
                time(16 << 10);
                continue;
            }
            // Another program may take the processor in the middle of it, but not every time.
            const auto linear = [&] { return time(64 << 10) < 10 * time(16 << 10) + CLOCKS_PER_SEC / 200; };
            CHECK((linear() || linear() || linear() || linear() || linear()));
        }
    }
}

TEST_CASE("pre-tokenizer: a megabyte of one character is no trouble") {
    for (const char* part : {"a", " ", "\n", "1", "中", "'"}) {
        CAPTURE(part);
        std::string text;
        while (text.size() < (test::kThin ? 1u << 17 : 1u << 20)) text += part;
        std::size_t sum = 0;
        for (const char* name :
             {"gpt-2", "llama-bpe", "gpt-4o", "deepseek-v3", "deepseek-llm", "kimi-k2", "jais-2", "gemma4", "tiny_aya"})
            for (const std::string& word : words(name, text)) sum += word.size();
        CHECK(sum == 9 * text.size());
    }
}

TEST_CASE("pre-tokenizer: a pattern without end is stopped with a sentence") {
    const auto pre = PreTokenizer::make("hostile", {"(a+)+$"}, 0);
    REQUIRE(pre.ok());
    const std::string text = std::string(64, 'a') + "b";
    const Status status = Splitter(*pre).split(text, [](std::string_view) -> Status { return {}; });
    REQUIRE_FALSE(status.ok());
    CHECK(status.message().find("pre-tokenizer 'hostile' gave up") != std::string::npos);
    const auto wrong = PreTokenizer::make("wrong", {"(a"}, 0);
    REQUIRE_FALSE(wrong.ok());
    CHECK(wrong.status().message().find("pre-tokenizer 'wrong': the pattern") != std::string::npos);
}
