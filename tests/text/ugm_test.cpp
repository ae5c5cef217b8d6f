#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "hearth/base/utf8.hpp"
#include "text/golden_vocab.hpp"
#include "text/unigram.hpp"

using namespace hearth;
using nlohmann::json;

namespace {

constexpr const char* goldens[] = {"ugm_plain", "ugm_bytes", "ugm_raw", "ugm_spaces"};

json small() {
    return {{"tokenizer.ggml.model", "t5"},
            {"tokenizer.ggml.tokens", {"<pad>", "</s>", "<unk>", "▁", "a", "b", "ab", "▁ab", "<x>", "zz", "c"}},
            {"tokenizer.ggml.scores", {0.0, 0.0, 0.0, -2.0, -3.0, -3.5, -4.0, -1.0, -100.0, -5.0, -9.0}},
            {"tokenizer.ggml.token_type", {3, 3, 2, 1, 1, 1, 1, 1, 4, 5, 1}},
            {"tokenizer.ggml.add_space_prefix", true},
            {"tokenizer.ggml.remove_extra_whitespaces", true}};
}

// All segmentations, by definition: the greatest sum; among equal ones the longest last piece, then the one before it.
struct BruteForce {
    std::vector<std::pair<std::string, double>> entries;
    double unknown;

    struct Path {
        double sum = 0;
        std::vector<std::uint32_t> lengths;
    };
    Path best(const std::string& text) const {
        Path out;
        bool any = false;
        Path path;
        walk(text, 0, path, out, any);
        return out;
    }
    void walk(const std::string& text, std::size_t at, Path& path, Path& out, bool& any) const {
        if (at == text.size()) {
            const bool later = std::lexicographical_compare(out.lengths.rbegin(), out.lengths.rend(),
                                                            path.lengths.rbegin(), path.lengths.rend());
            if (!any || path.sum > out.sum || (path.sum == out.sum && later)) out = path;
            any = true;
            return;
        }
        const auto go = [&](std::size_t length, double score) {
            path.sum += score;
            path.lengths.push_back(static_cast<std::uint32_t>(length));
            walk(text, at + length, path, out, any);
            path.lengths.pop_back();
            path.sum -= score;
        };
        std::size_t next = at;
        utf8_next(text, next);
        bool single = false;
        for (const auto& [spelling, score] : entries) {
            if (text.compare(at, spelling.size(), spelling) != 0) continue;
            single = single || spelling.size() == next - at;
            go(spelling.size(), score);
        }
        if (!single) go(next - at, unknown);
    }
};

}  // namespace

TEST_CASE("unigram: the path of all paths that has the greatest sum, ties by the longest last piece") {
    std::mt19937 random(3);
    const std::vector<std::string> letters = {"a", "b", "é", "漢"};
    const auto word = [&](std::uint32_t longest) {
        std::string out;
        for (std::uint32_t n = 1 + random() % longest; n > 0; --n) out += letters[random() % letters.size()];
        return out;
    };
    for (int round = 0; round < 2000; ++round) {
        std::map<std::string, double> scores;
        for (std::uint32_t n = random() % 9; n > 0; --n) scores[word(3)] = -0.5 * static_cast<double>(random() % 8);
        BruteForce slow{{scores.begin(), scores.end()}, -6.0};
        std::vector<text::Unigram::Entry> entries;
        for (const auto& [spelling, score] : slow.entries)
            entries.push_back({spelling, static_cast<Token>(entries.size()), static_cast<float>(score)});
        const text::Unigram fast(entries, entries.size(), -6.0f);
        const std::string input = word(9);
        CAPTURE(input);
        std::vector<std::uint32_t> lengths;
        double sum = 0;
        for (const auto& piece : fast.segment(input)) {
            lengths.push_back(piece.length);
            sum += piece.id < 0 ? -6.0 : slow.entries[static_cast<std::size_t>(piece.id)].second;
        }
        const auto expected = slow.best(input);
        CHECK(sum == expected.sum);
        CHECK(lengths == expected.lengths);
    }
}

TEST_CASE("token trie: finds what was put in, the last of equal entries") {
    const text::TokenTrie trie({{"b", 0}, {"abc", 1}, {"a", 2}, {"ab", 3}, {"a", 4}, {"\xff", 5}});
    const auto find = [&](std::string_view spelling) {
        std::uint32_t node = text::TokenTrie::root;
        for (const char c : spelling) {
            node = trie.step(node, static_cast<unsigned char>(c));
            if (node == text::TokenTrie::none) return Token(-2);
        }
        return trie.token(node);
    };
    CHECK(find("a") == 4);
    CHECK(find("ab") == 3);
    CHECK(find("abc") == 1);
    CHECK(find("b") == 0);
    CHECK(find("\xff") == 5);
    CHECK(find("") == -1);
    CHECK(find("abcd") == -2);
    CHECK(find("c") == -2);
    CHECK(text::TokenTrie().step(text::TokenTrie::root, 'a') == text::TokenTrie::none);
}

TEST_CASE("ugm: ids and decoded text are SentencePiece's on every golden text") {
    for (const char* name : goldens) {
        CAPTURE(name);
        const auto golden = test::golden_vocab(name);
        const auto tokenizer = test::tokenizer_of(golden.keys);
        CHECK(tokenizer->model() == "t5");
        REQUIRE(golden.cases.size() > 100);
        for (const auto& one : golden.cases) {
            const auto text = one["text"].get<std::string>();
            CAPTURE(text);
            const auto ids = test::encode(*tokenizer, text);
            CHECK(ids == one["ids"].get<std::vector<Token>>());
            if (one.contains("decoded")) CHECK(tokenizer->decode(ids) == one["decoded"].get<std::string>());
        }
    }
}

TEST_CASE("ugm: EOS ends a text, special tokens are taken from text only when asked") {
    const auto tokenizer = test::tokenizer_of(small());
    CHECK(test::encode(*tokenizer, "ab", {true, false}) == std::vector<Token>{7, 1});
    CHECK(test::encode(*tokenizer, "", {true, false}) == std::vector<Token>{1});
    CHECK(test::encode(*tokenizer, "", {false, false}).empty());
    CHECK(tokenizer->adds_eos());
    CHECK_FALSE(tokenizer->adds_bos());
    CHECK(test::encode(*tokenizer, "ab</s>ab", {false, true}) == std::vector<Token>{7, 1, 7});
    CHECK(test::encode(*tokenizer, "ab</s>ab", {false, false}) == std::vector<Token>{7, 2, 6});
    CHECK(test::encode(*tokenizer, "ab<x> ab") == std::vector<Token>{7, 8, 7});  // user-defined: always
}

TEST_CASE("ugm: white space before XLM-R's mask vanishes, behind it it stays") {
    json keys = small();
    keys["tokenizer.ggml.remove_extra_whitespaces"] = false;
    keys["tokenizer.ggml.tokens"].push_back("<mask>");
    keys["tokenizer.ggml.scores"].push_back(0.0);
    keys["tokenizer.ggml.token_type"].push_back(3);
    const auto tokenizer = test::tokenizer_of(keys);
    CHECK(test::encode(*tokenizer, "ab  <mask> ab", {false, true}) == std::vector<Token>{7, 11, 3, 7});
}

TEST_CASE("ugm: neighbouring unknown characters share one token, unused tokens are none") {
    const auto tokenizer = test::tokenizer_of(small());
    CHECK(test::encode(*tokenizer, "a??漢b") == std::vector<Token>{3, 4, 2, 5});
    CHECK(test::encode(*tokenizer, "zz") == std::vector<Token>{3, 2});
    CHECK(tokenizer->decode(std::vector<Token>{7, 2, 6}) == "abab");
    CHECK(tokenizer->decode(std::vector<Token>{7, 2, 7}, true) == "ab<unk> ab");
    // Unknown costs ten more than the least probable token (-9), but a character that is a token is never unknown.
    CHECK(test::encode(*tokenizer, "c") == std::vector<Token>{3, 10});
}

TEST_CASE("ugm: bytes stand in only where every byte has its token") {
    auto golden = test::golden_vocab("ugm_bytes");
    const auto whole = test::tokenizer_of(golden.keys);
    const std::string text = "\xf0\x9f\xa6\x99";
    const auto ids = test::encode(*whole, text);
    REQUIRE(ids.size() >= 4);
    CHECK(whole->kind(ids.back()) == TokenKind::byte);
    CHECK(whole->decode(ids) == text);
    golden.keys["tokenizer.ggml.tokens"][static_cast<std::size_t>(*whole->find("<0x00>"))] = "something";
    const auto part = test::tokenizer_of(golden.keys);
    CHECK(test::encode(*part, text).back() == *part->special(SpecialToken::unknown));
}

TEST_CASE("ugm: missing or contradictory metadata is refused with the key") {
    auto keys = small();
    SUBCASE("scores") {
        keys["tokenizer.ggml.scores"][3] = std::numeric_limits<double>::quiet_NaN();
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.scores");
        keys["tokenizer.ggml.scores"] = {-1.0, -2.0};
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.scores");
    }
    SUBCASE("no unknown token") {
        keys["tokenizer.ggml.unknown_token_id"] = -1;
        test::mentions(test::refusal_of(keys), "unknown_token_id");
        keys["tokenizer.ggml.unknown_token_id"] = 11;
        test::mentions(test::refusal_of(keys), "unknown_token_id");
    }
    SUBCASE("charsmap") {
        keys["tokenizer.ggml.precompiled_charsmap"] = "text";
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.precompiled_charsmap");
        keys["tokenizer.ggml.precompiled_charsmap"] = {4, 0, 0, 256};
        test::mentions(test::refusal_of(keys), "has 256 at entry 3");
        keys["tokenizer.ggml.precompiled_charsmap"] = {4, 0, 0, -129};
        test::mentions(test::refusal_of(keys), "has -129 at entry 3");
        keys["tokenizer.ggml.precompiled_charsmap"] = {4, 0, 0};
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.precompiled_charsmap");
    }
    SUBCASE("a token that is too long") {
        keys["tokenizer.ggml.tokens"][9] = std::string(513, 'a');
        test::mentions(test::refusal_of(keys, Code::unsupported), "513 bytes at entry 9");
        keys["tokenizer.ggml.tokens"][9] = std::string(512, 'a');
        CHECK(test::tokenizer_of(keys)->size() == 11);
    }
}

TEST_CASE("ugm: charsmaps of signed bytes are read like those of unsigned ones") {
    auto golden = test::golden_vocab("ugm_plain");
    for (auto& byte : golden.keys["tokenizer.ggml.precompiled_charsmap"])
        if (byte.get<int>() > 127) byte = byte.get<int>() - 256;
    const auto tokenizer = test::tokenizer_of(golden.keys);
    for (const auto& one : golden.cases)
        CHECK(test::encode(*tokenizer, one["text"].get<std::string>()) == one["ids"].get<std::vector<Token>>());
}

TEST_CASE("ugm: long texts, extreme scores and broken text") {
    auto keys = small();
    keys["tokenizer.ggml.tokens"][9] = std::string(512, 'a');
    keys["tokenizer.ggml.token_type"][9] = 1;
    keys["tokenizer.ggml.scores"][4] = std::numeric_limits<double>::infinity();
    keys["tokenizer.ggml.scores"][5] = -std::numeric_limits<double>::infinity();
    const auto tokenizer = test::tokenizer_of(keys);
    const std::string text(200000, 'a');
    CHECK(tokenizer->decode(test::encode(*tokenizer, text)) == text);
    CHECK(tokenizer->decode(test::encode(*tokenizer, "abba")) == "abba");
    const auto broken = tokenizer->encode("ab\xff", {});
    REQUIRE_FALSE(broken.ok());
    CHECK(broken.status().code() == Code::invalid_utf8);
}
