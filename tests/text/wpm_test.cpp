#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "support/text.hpp"
#include "text/golden_vocab.hpp"

using namespace hearth;
using nlohmann::json;

namespace {

constexpr const char* goldens[] = {"wpm_uncased", "wpm_cased", "wpm_cased_unaccented", "wpm_uncased_accented"};

json small() {
    return {{"tokenizer.ggml.model", "bert"},
            {"tokenizer.ggml.tokens",
             {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁un", "aff", "able", "▁aff", "▁,", "▁天",
              "a",     "▁a",    "▁e",    "ble",   "▁é",     "▁A",  "pad", "▁▁",   "▁[",   "▁]", "▁k"}},
            {"tokenizer.ggml.token_type", {3, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1}},
            {"tokenizer.ggml.padding_token_id", 0},
            {"tokenizer.ggml.unknown_token_id", 1},
            {"tokenizer.ggml.cls_token_id", 2},
            {"tokenizer.ggml.seperator_token_id", 3}};
}

}  // namespace

TEST_CASE("wpm: bert-bge gives the ids of the collection, id for id") {
    const std::string file = "vocab/ggml-vocab-bert-bge.gguf";
    if (!std::filesystem::exists(test::shared(file))) {
        test::skipped("texts of bert-bge", 46);
        return;
    }
    const auto tokenizer = test::load_tokenizer(test::shared(file));
    const std::string texts = test::read_text(test::shared(file + ".inp"));
    std::istringstream ids(test::read_text(test::shared(file + ".out")));
    const std::string marker = "\n__ggml_vocab_test__\n";
    std::size_t at = 0;
    std::size_t count = 0;
    for (std::size_t end; (end = texts.find(marker, at)) != std::string::npos; at = end + marker.size(), ++count) {
        const std::string text = texts.substr(at, end - at);
        CAPTURE(text);
        std::string line;
        REQUIRE(std::getline(ids, line));
        std::istringstream numbers(line);
        std::vector<Token> expected;
        for (Token id; numbers >> id;) expected.push_back(id);
        CHECK(test::encode(*tokenizer, text) == expected);
        expected.insert(expected.begin(), 101);
        expected.push_back(102);
        CHECK(test::encode(*tokenizer, text, {true, false}) == expected);
    }
    CHECK(count == 46);
    CHECK(tokenizer->decode(test::encode(*tokenizer, "Unbelievably  GRAND façade", {true, false})) ==
          "unbelievably grand facade");
    CHECK(test::encode(*tokenizer, "a [MASK]", {false, true}) == std::vector<Token>{1037, 103});
}

TEST_CASE("wpm: ids are those of Hugging Face's tokenizers on every golden text") {
    for (const char* name : goldens) {
        CAPTURE(name);
        const auto golden = test::golden_vocab(name);
        const auto tokenizer = test::tokenizer_of(golden.keys);
        CHECK(tokenizer->model() == "bert");
        REQUIRE(golden.cases.size() > 100);
        for (const auto& one : golden.cases) {
            const auto text = one["text"].get<std::string>();
            CAPTURE(text);
            CHECK(test::encode(*tokenizer, text) == one["ids"].get<std::vector<Token>>());
        }
    }
}

TEST_CASE("wpm: words are split greedily, and one part without a token makes the whole word unknown") {
    const auto tokenizer = test::tokenizer_of(small());
    CHECK(test::encode(*tokenizer, "unaffable") == std::vector<Token>{5, 6, 7});
    CHECK(test::encode(*tokenizer, "unaffablez a") == std::vector<Token>{1, 12});
    CHECK(test::encode(*tokenizer, "able") == std::vector<Token>{12, 14});  // "able" only continues a word
    CHECK(test::encode(*tokenizer, "un,天a") == std::vector<Token>{5, 9, 10, 12});
    CHECK(test::encode(*tokenizer, "unpad") == std::vector<Token>{1});  // no control token out of letters
    CHECK(test::encode(*tokenizer, "[CLS]") == std::vector<Token>{19, 1, 20});
    CHECK(test::encode(*tokenizer, "[CLS]", {false, true}) == std::vector<Token>{2});
    CHECK(test::encode(*tokenizer, "▁ a▁") == std::vector<Token>{18, 1});  // a letter like any other
    CHECK(test::encode(*tokenizer, "").empty());
    CHECK(test::encode(*tokenizer, " \t\r\n\u3000\x01\ufffd").empty());
    CHECK(test::encode(*tokenizer, "u\x0bn\u200d") == std::vector<Token>{5});  // control characters vanish
    CHECK(test::encode(*tokenizer, "un\u00a0un\u2028un") == std::vector<Token>{5, 5, 5});
}

TEST_CASE("wpm: CLS and SEP stand around every text, whatever the flags say") {
    auto keys = small();
    for (const char* flag : {"add_bos_token", "add_eos_token", "add_sep_token"})
        keys[std::string("tokenizer.ggml.") + flag] = false;
    const auto tokenizer = test::tokenizer_of(keys);
    CHECK(test::encode(*tokenizer, "a", {true, false}) == std::vector<Token>{2, 12, 3});
    CHECK(test::encode(*tokenizer, "", {true, false}) == std::vector<Token>{2, 3});
    CHECK(*tokenizer->special(SpecialToken::bos) == 2);
    keys["tokenizer.ggml.bos_token_id"] = 4;  // names CLS where both are there
    CHECK(test::encode(*test::tokenizer_of(keys), "a", {true, false}) == std::vector<Token>{4, 12, 3});
}

TEST_CASE("wpm: accents go with capitals unless the file says otherwise") {
    auto keys = small();
    const auto ids = [&](const char* text) { return test::encode(*test::tokenizer_of(keys), text); };
    CHECK(ids("É A") == std::vector<Token>{13, 12});
    keys["tokenizer.ggml.normalizer.strip_accents"] = false;
    CHECK(ids("É A") == std::vector<Token>{15, 12});
    keys["tokenizer.ggml.normalizer.lowercase"] = false;
    CHECK(ids("é A") == std::vector<Token>{15, 16});
    keys.erase("tokenizer.ggml.normalizer.strip_accents");
    CHECK(ids("é A") == std::vector<Token>{15, 16});
    keys["tokenizer.ggml.normalizer.strip_accents"] = true;
    CHECK(ids("é A") == std::vector<Token>{13, 16});
    keys["tokenizer.ggml.normalizer.lowercase"] = 1;
    test::mentions(test::refusal_of(keys), "tokenizer.ggml.normalizer.lowercase");
}

TEST_CASE("wpm: decoding joins pieces to words") {
    const auto tokenizer = test::tokenizer_of(small());
    const std::vector<Token> ids = {2, 5, 6, 7, 12, 9, 10, 3};
    CHECK(tokenizer->decode(ids) == "unaffable a , 天");
    CHECK(tokenizer->decode(ids, true) == "[CLS]unaffable a , 天[SEP]");
    CHECK(tokenizer->piece(5) == " un");
    CHECK(tokenizer->piece(6) == "aff");
    CHECK(tokenizer->piece(18) == " ▁");
    CHECK(tokenizer->piece(99).empty());
}

TEST_CASE("wpm: words of any length take linear time") {
    auto keys = small();
    keys["tokenizer.ggml.tokens"][14] = std::string(512, 'a');
    const auto tokenizer = test::tokenizer_of(keys);
    const auto ids = test::encode(*tokenizer, std::string(1 + 512 * 1000 + 300, 'a'));
    REQUIRE(ids.size() == 1 + 1000 + 300);
    CHECK(ids[1] == 14);
    CHECK(ids.back() == 11);
    // Whatever fails at the very end still makes all of it unknown.
    CHECK(test::encode(*tokenizer, std::string(200000, 'a') + "z") == std::vector<Token>{1});
}

TEST_CASE("wpm: missing or contradictory metadata is refused with the key") {
    auto keys = small();
    SUBCASE("CLS") {
        keys["tokenizer.ggml.cls_token_id"] = 22;
        test::mentions(test::refusal_of(keys), "'tokenizer.ggml.cls_token_id' is 22");
        keys["tokenizer.ggml.cls_token_id"] = -5;
        test::mentions(test::refusal_of(keys), "'tokenizer.ggml.cls_token_id' is -5");
        keys["tokenizer.ggml.cls_token_id"] = std::int64_t(1) << 40;
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.cls_token_id");
        keys.erase("tokenizer.ggml.cls_token_id");
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.cls_token_id");
    }
    SUBCASE("SEP") {
        keys.erase("tokenizer.ggml.seperator_token_id");  // 102 is not in this vocabulary
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.seperator_token_id");
    }
    SUBCASE("unknown") {
        keys["tokenizer.ggml.unknown_token_id"] = "one";
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.unknown_token_id");
        keys.erase("tokenizer.ggml.unknown_token_id");
        test::mentions(test::refusal_of(keys), "tokenizer.ggml.unknown_token_id");
    }
    SUBCASE("a token that is too long") {
        keys["tokenizer.ggml.tokens"][14] = std::string(513, 'a');
        test::mentions(test::refusal_of(keys, Code::unsupported), "513 bytes at entry 14");
    }
    SUBCASE("text") {
        const auto broken = test::tokenizer_of(keys)->encode("a\xc3", {});
        REQUIRE_FALSE(broken.ok());
        CHECK(broken.status().code() == Code::invalid_utf8);
    }
}
