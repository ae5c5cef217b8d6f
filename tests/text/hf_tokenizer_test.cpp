// tokenizer.json of WordPiece and unigram models (tests/golden/text/hf_*.json, written by make_hf_golden.py), and what of
// them is refused.
#include <functional>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "formats/hf/tokenizer.hpp"
#include "hearth/text/tokenizer.hpp"
#include "support/golden.hpp"

namespace hearth::test {

namespace {

using nlohmann::json;

json golden_of(const std::string& name) { return json::parse(read_text(golden("text/hf_" + name + ".json"))); }

Result<std::unique_ptr<Tokenizer>> tokenizer_of(const json& j) {
    const auto whole = formats::Json::parse(j["tokenizer"].dump(), "tokenizer.json");
    const auto config = formats::Json::parse(j["config"].dump(), "tokenizer_config.json");
    const auto model = formats::Json::parse("{}", "config.json");
    REQUIRE(whole.ok());
    REQUIRE(config.ok());
    Metadata metadata;
    HEARTH_TRY(formats::read_tokenizer({&*whole, &*config, &*model, nullptr}, metadata));
    return Tokenizer::make(metadata);
}

void check_refused(const std::string& name, const std::function<void(json&)>& change, const std::vector<std::string>& words) {
    json j = golden_of(name);
    change(j["tokenizer"]);
    const auto t = tokenizer_of(j);
    CHECK(!t.ok());
    for (const std::string& word : words)
        CHECK_MESSAGE(t.status().message().find(word) != std::string::npos, "'" << word << "' in: " << t.status().message());
}

}  // namespace

TEST_CASE("tokenizer.json: WordPiece and unigram models give the ids of the tokenizers package") {
    std::size_t texts = 0;
    for (const char* name : {"wordpiece_uncased", "wordpiece_cased", "unigram_words", "unigram_runs", "unigram_plain", "unigram_bytes"}) {
        CAPTURE(std::string(name));
        const json j = golden_of(name);
        const auto t = tokenizer_of(j);
        REQUIRE_MESSAGE(t.ok(), t.status().message());
        for (const auto& c : j["cases"]) {
            const std::string text = c["text"];
            CAPTURE(text);
            const auto ids = (*t)->encode(text, {true, true}), plain = (*t)->encode(text, {false, true});
            REQUIRE(ids.ok());
            REQUIRE(plain.ok());
            CHECK(*ids == c["ids"].get<std::vector<Token>>());
            CHECK(*plain == c["plain"].get<std::vector<Token>>());
            ++texts;
        }
    }
    CHECK(texts >= 300);
}

TEST_CASE("tokenizer.json: what WordPiece and unigram models here lack is refused by its name") {
    const auto set = [](const char* part, const char* key, json value) {
        return [=](json& j) { j[part][key] = value; };
    };
    check_refused("wordpiece_cased", set("normalizer", "clean_text", false), {"BertNormalizer", "clean_text"});
    check_refused("wordpiece_cased", set("normalizer", "type", "Lowercase"), {"'Lowercase'", "BertNormalizer"});
    check_refused("wordpiece_cased", set("pre_tokenizer", "type", "Whitespace"), {"'Whitespace'", "BertPreTokenizer"});
    check_refused("wordpiece_cased", set("model", "continuing_subword_prefix", "@@"), {"continuing_subword_prefix", "'@@'"});
    check_refused("wordpiece_cased", set("model", "unk_token", "[none]"), {"unk_token", "'[none]'"});
    check_refused("wordpiece_cased", set("model", "max_input_chars_per_word", 0), {"max_input_chars_per_word", "0"});
    check_refused("wordpiece_cased", set("model", "vocab", 1), {"model.vocab", "expected an object"});
    check_refused("unigram_plain", set("model", "unk_id", nullptr), {"model.unk_id"});
    check_refused("unigram_plain", set("model", "unk_id", 100000), {"model.unk_id"});
    check_refused("unigram_plain", set("model", "vocab", json::array({json::array({"a", "b"})})), {"model.vocab", "entry 0", "score"});
    check_refused("unigram_plain", set("model", "vocab", json::array({1, 2})), {"model.vocab", "entry 0", "pair"});
    check_refused("unigram_plain", set("normalizer", "precompiled_charsmap", "a*b="), {"precompiled_charsmap", "base64"});
    check_refused("unigram_plain", set("normalizer", "precompiled_charsmap", "AAAA"), {"precompiled_charsmap"});
    check_refused("unigram_plain", set("normalizer", "type", "Lowercase"), {"normalizer", "'Lowercase'"});
    check_refused("unigram_plain", set("pre_tokenizer", "type", "Whitespace"), {"pre-tokenizer", "'Whitespace'"});
    check_refused("unigram_plain", set("pre_tokenizer", "replacement", "_"), {"Metaspace", "'_'"});
    check_refused("unigram_plain", set("pre_tokenizer", "prepend_scheme", "first"), {"Metaspace", "'first'"});
    check_refused("unigram_runs", [](json& j) { j["normalizer"]["normalizers"].erase(1); }, {"white space"});
    check_refused("unigram_runs", [](json& j) { std::swap(j["normalizer"]["normalizers"][0], j["normalizer"]["normalizers"][2]); }, {"Precompiled"});
    check_refused("unigram_plain", set("model", "type", "WordLevel"), {"'WordLevel'", "supported are BPE, WordPiece and Unigram"});
}

}  // namespace hearth::test
