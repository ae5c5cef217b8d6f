#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "text/vocabularies.hpp"

using namespace hearth;
using test::encode;
using test::spelled;

namespace {

using Words = std::vector<std::string>;

// The definition, step by step: of all adjacent pairs whose concatenation is a token the best scored, leftmost first.
Words merge_by_definition(Words symbols, const std::map<std::string, double>& scores) {
    for (;;) {
        std::size_t best = symbols.size();
        double best_score = -std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto it = scores.find(symbols[i] + symbols[i + 1]);
            if (it != scores.end() && it->second > best_score) {
                best = i;
                best_score = it->second;
            }
        }
        if (best == symbols.size()) return symbols;
        symbols[best] += symbols[best + 1];
        symbols.erase(symbols.begin() + std::ptrdiff_t(best) + 1);
    }
}

}  // namespace

TEST_CASE("spm: the best scored pair merges first, the leftmost of equals") {
    const auto t = test::tokenizer_of(test::spm_keys());
    CHECK(spelled(*t, encode(*t, "abc")) == Words{"▁abc"});
    CHECK(spelled(*t, encode(*t, "bcab")) == Words{"▁", "bc", "ab"});
    CHECK(spelled(*t, encode(*t, "aabc")) == Words{"▁a", "abc"});
    CHECK(spelled(*t, encode(*t, "a  b")) == Words{"▁a", "▁▁", "b"});
    CHECK(spelled(*t, encode(*t, "abé d")) == Words{"▁ab", "é", "▁", "d"});
    CHECK(encode(*t, "").empty());
}

TEST_CASE("spm: random vocabularies and texts merge as the definition says") {
    std::mt19937 random(5);
    for (int round = 0; round < 60; ++round) {
        nlohmann::json keys = test::spm_keys();
        keys["tokenizer.ggml.add_space_prefix"] = false;
        std::map<std::string, double> scores;
        for (std::size_t i = 259; i < keys["tokenizer.ggml.tokens"].size(); ++i)
            scores[keys["tokenizer.ggml.tokens"][i]] = keys["tokenizer.ggml.scores"][i];
        for (int k = 0; k < 25; ++k) {
            std::string piece;
            for (unsigned n = 2 + random() % 4; n > 0; --n) piece += static_cast<char>('a' + random() % 3);
            if (scores.contains(piece)) continue;
            const double score = -double(random() % 12);  // many ties
            scores[piece] = score;
            test::add(keys, piece, 1, score);
        }
        const auto t = test::tokenizer_of(keys);
        for (const std::size_t length : {3u, 17u, 48u, 49u, 300u}) {  // both ways of merging
            Words symbols;
            std::string text;
            for (std::size_t i = 0; i < length; ++i) {
                symbols.emplace_back(1, static_cast<char>('a' + random() % 3));
                text += symbols.back();
            }
            CAPTURE(text);
            CHECK(spelled(*t, encode(*t, text)) == merge_by_definition(symbols, scores));
        }
    }
}

TEST_CASE("spm: what is no token falls back to bytes, and without byte tokens to one unknown token a run") {
    const auto t = test::tokenizer_of(test::spm_keys());
    CHECK(encode(*t, "\n") == std::vector<Token>{t->find("▁").value(), 3 + 10});
    CHECK(spelled(*t, encode(*t, "a€")) == Words{"▁a", "<0xE2>", "<0x82>", "<0xAC>"});
    CHECK(t->decode(encode(*t, "a€\n x")) == "a€\n x");

    nlohmann::json few;
    few["tokenizer.ggml.model"] = "llama";
    test::add(few, "<unk>", 2);
    test::add(few, "▁");
    test::add(few, "a");
    const auto u = test::tokenizer_of(few);
    CHECK(encode(*u, "axyza") == std::vector<Token>{1, 2, 0, 2});
    few["tokenizer.ggml.unknown_token_id"] = -1;
    const auto none = test::tokenizer_of(few)->encode("axy");
    REQUIRE_FALSE(none.ok());
    CHECK(none.status().message().find("no token for 'x'") != std::string::npos);
}

TEST_CASE("spm: plain text never merges into a control token or a byte token") {
    nlohmann::json keys = test::spm_keys();
    test::add(keys, "cd", 3, 100);
    const auto t = test::tokenizer_of(keys);
    CHECK(spelled(*t, encode(*t, "cd")) == Words{"▁", "c", "d"});
    CHECK(spelled(*t, encode(*t, "cd", {false, true})) == Words{"cd"});
}

TEST_CASE("spm: the space prefix and extra white space follow their keys") {
    const auto keys = test::spm_keys();
    const auto bare = test::tokenizer_of(test::with(keys, {{"tokenizer.ggml.add_space_prefix", false}}));
    CHECK(spelled(*bare, encode(*bare, "abc")) == Words{"abc"});
    CHECK(bare->decode(encode(*bare, " a")) == " a");
    const auto trimmed = test::tokenizer_of(test::with(keys, {{"tokenizer.ggml.remove_extra_whitespaces", true}}));
    CHECK(spelled(*trimmed, encode(*trimmed, "  a   b ")) == Words{"▁a", "▁", "b"});
    CHECK(encode(*trimmed, "   ").empty());
    // After a special token the prefix is added again, and decoding removes the first one only.
    const auto t = test::tokenizer_of(keys);
    CHECK(spelled(*t, encode(*t, "a<s>b", {false, true})) == Words{"▁a", "<s>", "▁", "b"});
    CHECK(t->decode(encode(*t, "ab", {true, false})) == "ab");
    CHECK(t->decode(encode(*t, "  ab", {true, false})) == "  ab");
}

TEST_CASE("spm: scores of any size order merges; one that is not a number is refused") {
    nlohmann::json keys = test::spm_keys();
    test::add(keys, "cb", 1, 1e308);
    test::add(keys, "ba", 1, -1e308);
    test::add(keys, "cba", 1, std::numeric_limits<double>::infinity());
    const auto t = test::tokenizer_of(keys);
    CHECK(spelled(*t, encode(*t, "cba")) == Words{"▁", "cba"});
    keys["tokenizer.ggml.scores"][7] = std::numeric_limits<double>::quiet_NaN();
    CHECK(test::refusal_of(keys) == "metadata key 'tokenizer.ggml.scores' has NaN at entry 7, expected a number");
}
