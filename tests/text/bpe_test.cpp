#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <random>

#include "support/golden.hpp"
#include "support/text.hpp"
#include "text/vocabularies.hpp"

using namespace hearth;
using test::encode;
using test::spelled;

namespace {

using Words = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// The definition, step by step: of all adjacent pairs the one of lowest rank, leftmost first.
Words merge_by_definition(Words symbols, const std::map<std::pair<std::string, std::string>, std::size_t>& ranks) {
    for (;;) {
        std::size_t best = symbols.size();
        std::size_t best_rank = ranks.size();
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto it = ranks.find({symbols[i], symbols[i + 1]});
            if (it != ranks.end() && it->second < best_rank) {
                best = i;
                best_rank = it->second;
            }
        }
        if (best == symbols.size()) return symbols;
        symbols[best] += symbols[best + 1];
        symbols.erase(symbols.begin() + std::ptrdiff_t(best) + 1);
    }
}

// Doubling pairs: every power of two of 'a' up to 2^12, and of the space.
nlohmann::json doubling_keys() {
    Pairs merges;
    for (const std::string one : {"a", "Ġ", "Ċ", "1"})
        for (std::string s = one; s.size() < 4096; s += s) merges.emplace_back(s, s);
    return test::bpe_keys(merges);
}

}  // namespace

TEST_CASE("bpe: the pair of lowest rank merges first, within words only") {
    const auto t = test::tokenizer_of(test::bpe_keys());
    CHECK(spelled(*t, encode(*t, "abc abc")) == Words{"abc", "Ġ", "abc"});
    CHECK(spelled(*t, encode(*t, "bcab")) == Words{"bc", "ab"});
    CHECK(spelled(*t, encode(*t, "a,b")) == Words{"a", ",", "b"});
    CHECK(encode(*t, "").empty());
}

TEST_CASE("bpe: random vocabularies and texts merge as the definition says") {
    std::mt19937 random(9);
    for (int round = 0; round < 60; ++round) {
        Words known{"a", "b", "c"};
        Pairs merges;
        std::map<std::pair<std::string, std::string>, std::size_t> ranks;
        for (int k = 0; k < 40; ++k) {
            const std::string left = known[random() % known.size()];
            const std::string right = known[random() % known.size()];
            // One way to make each token, as training gives.
            if (left.size() + right.size() > 9 || std::find(known.begin(), known.end(), left + right) != known.end())
                continue;
            ranks[{left, right}] = merges.size();
            merges.emplace_back(left, right);
            known.push_back(left + right);
        }
        const auto t = test::tokenizer_of(test::bpe_keys(merges));
        for (const std::size_t length : {2u, 20u, 48u, 49u, 400u}) {  // both ways of merging
            Words symbols;
            std::string text;
            for (std::size_t i = 0; i < length; ++i) {
                symbols.emplace_back(1, static_cast<char>('a' + random() % 3));
                text += symbols.back();
            }
            CAPTURE(text);
            CHECK(spelled(*t, encode(*t, text)) == merge_by_definition(symbols, ranks));
            CHECK(spelled(*t, encode(*t, text + " " + text)).size() > 2);  // the second comes from memory, or nearly
            CHECK(t->decode(encode(*t, text + " " + text + "," + text)) == text + " " + text + "," + text);
        }
    }
}

TEST_CASE("bpe: any text survives, as bytes where nothing merges, whole and streamed") {
    const auto t = test::tokenizer_of(test::bpe_keys());
    std::mt19937 random(2);
    for (int round = 0; round < 300; ++round) {
        const std::string text = test::random_text(random, 40);
        CAPTURE(text);
        const auto ids = encode(*t, text);
        CHECK(t->decode(ids) == text);
        StreamDecoder stream(*t);
        std::string streamed;
        for (const Token id : ids) {
            const std::string part = stream.push(id);
            CHECK(utf8_valid_prefix(part) == part.size());
            streamed += part;
        }
        CHECK(streamed + stream.flush() == text);
    }
}

TEST_CASE("bpe: ignore_merges takes a word that is a token whole") {
    nlohmann::json keys = test::bpe_keys();
    test::add(keys, "cab");
    test::add(keys, "Ġcab");
    test::add(keys, "dd", 3);
    const auto merged = test::tokenizer_of(keys);
    CHECK(spelled(*merged, encode(*merged, "cab cab")) == Words{"c", "ab", "Ġ", "c", "ab"});
    const auto whole = test::tokenizer_of(test::with(keys, {{"tokenizer.ggml.pre", "llama-bpe"}}));
    CHECK(spelled(*whole, encode(*whole, "cab cab abc dd")) == Words{"cab", "Ġcab", "Ġ", "abc", "Ġ", "d", "d"});
}

TEST_CASE("bpe: BOS follows the pre-tokenizer and the keys") {
    nlohmann::json keys = test::bpe_keys();
    const int bos = test::add(keys, "<|bos|>", 3);
    const int eos = test::add(keys, "<|eos|>", 3);
    keys["tokenizer.ggml.bos_token_id"] = bos;
    keys["tokenizer.ggml.eos_token_id"] = eos;
    const auto ids = [&](const nlohmann::json& changes) {
        const auto t = test::tokenizer_of(test::with(keys, changes));
        return encode(*t, "ab", {true, false});
    };
    const Token ab = 256;
    CHECK(ids({}) == std::vector<Token>{ab});
    CHECK(ids({{"tokenizer.ggml.pre", "llama-bpe"}}) == std::vector<Token>{bos, ab});
    CHECK(ids({{"tokenizer.ggml.pre", "llama-bpe"}, {"tokenizer.ggml.add_bos_token", false}}) ==
          std::vector<Token>{ab});
    CHECK(ids({{"tokenizer.ggml.add_bos_token", true}, {"tokenizer.ggml.add_eos_token", true}}) ==
          std::vector<Token>{bos, ab, eos});
    // Id 11 is Falcon's token for both; here it is a comma, so there is none.
    const auto none = test::tokenizer_of(
        test::with(keys, {{"tokenizer.ggml.bos_token_id", nullptr}, {"tokenizer.ggml.eos_token_id", nullptr}}));
    CHECK_FALSE(none->special(SpecialToken::bos));
    CHECK_FALSE(none->ends_generation(11));
}

TEST_CASE("bpe: gemma4 merges characters, keeps runs of newlines and falls back to byte tokens") {
    nlohmann::json keys;
    keys["tokenizer.ggml.model"] = "gemma4";
    test::add(keys, "<bos>", 3);
    for (const char* token : {"▁", "a", "b", "▁a", "ab", "\n", "\n\n\n", "é"}) test::add(keys, token);
    static constexpr char hex[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; ++b) test::add(keys, std::string("<0x") + hex[b >> 4] + hex[b & 15] + ">", 6);
    keys["tokenizer.ggml.merges"] = {"▁ a", "a b"};
    keys["tokenizer.ggml.bos_token_id"] = 0;
    const auto t = test::tokenizer_of(keys);
    CHECK(t->model() == "gemma4");
    CHECK(spelled(*t, encode(*t, "ab ab", {true, false})) == Words{"<bos>", "ab", "▁a", "b"});
    CHECK(spelled(*t, encode(*t, "a\n\n\nb\n\n")) == Words{"a", "\n\n\n", "b", "\n", "\n"});
    CHECK(spelled(*t, encode(*t, "aé€")) == Words{"a", "é", "<0xE2>", "<0x82>", "<0xAC>"});
    CHECK(t->decode(encode(*t, " ab €\n\n\n a")) == " ab €\n\n\n a");
}

TEST_CASE("bpe: whitespace merges whole characters between the white space") {
    nlohmann::json keys;
    keys["tokenizer.ggml.model"] = "gpt2";
    keys["tokenizer.ggml.pre"] = "whitespace";
    for (const char* token : {"<s>", "<unk>"}) test::add(keys, token, 3);
    for (const char* token : {"你", "好", "世", "界", "你好", "世界", "你好世界", "a", "b", "ab", "A", "é", "Ġ", "▁"})
        test::add(keys, token);
    keys["tokenizer.ggml.merges"] = {"你 好", "世 界", "你好 世界", "a b"};
    const auto t = test::tokenizer_of(keys);
    CHECK(spelled(*t, encode(*t, "你好世界")) == Words{"你好世界"});
    CHECK(spelled(*t, encode(*t, "你好 世界\n\u3000abé")) == Words{"你好", "世界", "ab", "é"});
    CHECK(spelled(*t, encode(*t, "Ġ▁a")) == Words{"Ġ", "▁", "a"});  // no alphabet of bytes, no mark of spaces
    CHECK(t->decode(encode(*t, "你好Ġ▁éab世界")) == "你好Ġ▁éab世界");
    // Without unknown token what the vocabulary lacks vanishes before anything merges.
    CHECK(spelled(*t, encode(*t, "a🙂b你X好 X")) == Words{"ab", "你好"});
    CHECK(encode(*t, " \t\n\u2028").empty());
    CHECK(encode(*t, "<s>").empty());
    CHECK(encode(*t, "<s>", {false, true}) == std::vector<Token>{0});

    auto unknown = test::with(keys, {{"tokenizer.ggml.unknown_token_id", 1}});
    const auto u = test::tokenizer_of(unknown);
    CHECK(spelled(*u, encode(*u, "a🙂🙂b X\n好")) == Words{"a", "<unk>", "<unk>", "b", "<unk>", "好"});
    // White space that is a token is a piece of its own.
    test::add(unknown, " ");
    test::add(unknown, "<0x0A>", 6);
    const auto spaced = test::tokenizer_of(unknown);
    CHECK(spelled(*spaced, encode(*spaced, "ab  a\n")) == Words{"ab", " ", " ", "a", "<0x0A>"});
    CHECK(spaced->decode(encode(*spaced, "你好 ab\n世界")) == "你好 ab\n世界");
}

TEST_CASE("bpe: text is lower-cased where the file says so") {
    nlohmann::json keys = test::bpe_keys();
    test::add(keys, "AB", 4);
    const auto plain = test::tokenizer_of(keys);
    CHECK(spelled(*plain, encode(*plain, "AbC")) == Words{"A", "b", "C"});
    keys["tokenizer.ggml.normalizer.lowercase"] = true;
    const auto lower = test::tokenizer_of(keys);
    CHECK(spelled(*lower, encode(*lower, "AbC Abc ABC")) == Words{"abc", "Ġ", "abc", "Ġ", "AB", "c"});
    CHECK(lower->decode(encode(*lower, "ÀΣ")) == "àσ");
    keys["tokenizer.ggml.normalizer.lowercase"] = "yes";
    CHECK(test::mentions(test::refusal_of(keys), "tokenizer.ggml.normalizer.lowercase"));
}

TEST_CASE("bpe: whole characters give the ids of Hugging Face's tokenizers on every golden text") {
    for (const char* name : {"bpe_whitespace_lowercase", "bpe_whitespace_cased"}) {
        CAPTURE(name);
        const auto golden = test::golden_vocab(name);
        const auto tokenizer = test::tokenizer_of(golden.keys);
        REQUIRE(golden.cases.size() > 60);
        for (const auto& one : golden.cases) {
            const auto text = one["text"].get<std::string>();
            CAPTURE(text);
            CHECK(encode(*tokenizer, text) == one["ids"].get<std::vector<Token>>());
        }
    }
}

TEST_CASE("bpe: contradictions in the file are refused with key and entry") {
    const auto keys = test::bpe_keys();
    const auto merges = [&](const nlohmann::json& list) {
        return test::refusal_of(test::with(keys, {{"tokenizer.ggml.merges", list}}));
    };
    CHECK(test::mentions(test::refusal_of(test::with(keys, {{"tokenizer.ggml.merges", nullptr}})),
                         "'tokenizer.ggml.merges' is missing"));
    CHECK(test::mentions(merges({"a b", "ab"}), "entry 1 is 'ab': expected two tokens"));
    CHECK(test::mentions(merges({""}), "entry 0"));
    CHECK(test::mentions(merges({"zz b"}), "no token 'zz'"));
    CHECK(test::mentions(merges({"a zz"}), "no token 'zz'"));
    CHECK(test::mentions(merges({"a c"}), "no token 'ac'"));
    CHECK(test::mentions(test::refusal_of(test::with(keys, {{"tokenizer.ggml.pre", "nonsense"}}), Code::unsupported),
                         "pre-tokenizer 'nonsense' is not supported"));
    CHECK(test::mentions(test::refusal_of(test::with(keys, {{"tokenizer.ggml.pre", 3}})), "tokenizer.ggml.pre"));
    // No key: the default patterns.
    const auto t = test::tokenizer_of(test::with(keys, {{"tokenizer.ggml.pre", nullptr}}));
    CHECK(spelled(*t, encode(*t, "abc abc")) == Words{"abc", "Ġ", "abc"});
}

TEST_CASE("bpe: a byte without token is an error unless there is an unknown token") {
    nlohmann::json keys;
    keys["tokenizer.ggml.model"] = "gpt2";
    test::add(keys, "a");
    test::add(keys, "aa");
    test::add(keys, "<unk>", 2);
    keys["tokenizer.ggml.merges"] = {"a a"};
    const auto strict = test::tokenizer_of(keys);
    CHECK(encode(*strict, "aaa") == std::vector<Token>{1, 0});
    const auto missing = strict->encode("b");
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.status().message().find("no token for the byte 98") != std::string::npos);
    keys["tokenizer.ggml.unknown_token_id"] = 2;
    CHECK(encode(*test::tokenizer_of(keys), "ab") == std::vector<Token>{0, 2});
}

TEST_CASE("bpe: time grows nearly linearly with words made to hurt") {
    const auto keys = doubling_keys();
    for (const char* pre : {"gpt-2", "llama-bpe"}) {
        const auto t = test::tokenizer_of(test::with(keys, {{"tokenizer.ggml.pre", pre}}));
        for (const char* part : {"a", " ", "\n", "1", "b", "ab"}) {
            CAPTURE(part);
            const auto time = [&](std::size_t bytes) {
                std::string text;
                while (text.size() < bytes) text += part;
                std::clock_t best = std::numeric_limits<std::clock_t>::max();  // of the processor, not of the wall
                for (int round = 0; round < (test::kThin ? 1 : 3); ++round) {
                    const std::clock_t start = std::clock();
                    const auto ids = encode(*t, text);
                    best = std::min(best, std::clock() - start);
                    CHECK(t->decode(ids) == text);
                }
                return best;
            };
            if (test::kThin) {  // that the text comes back; how long it takes is the plain build's question
                time(64 << 10);
                continue;
            }
            // Quadratic: 16 times. Another program may take the processor in the middle of it, but not every time.
            const auto linear = [&] { return time(256 << 10) < 10 * time(64 << 10) + CLOCKS_PER_SEC / 200; };
            CHECK((linear() || linear() || linear() || linear() || linear()));
        }
    }
}
