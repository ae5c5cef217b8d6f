// Ids of real vocabularies against those of the collection beside the checkout.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "hearth/base/utf8.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/text/tokenizer.hpp"
#include "support/golden.hpp"
#include "support/text.hpp"

using namespace hearth;

namespace {

constexpr const char* vocabularies[] = {"llama-spm", "phi-3", "gpt-2", "deepseek-coder", "starcoder"};

std::string vocab_file(const std::string& name) { return "vocab/ggml-vocab-" + name + ".gguf"; }

// The collection's texts, separated by a marker line; the last one ends with the file.
std::vector<std::string> read_texts(const std::string& name) {
    const std::string all = test::read_text(test::shared(vocab_file(name) + ".inp"));
    const std::string marker = "\n__ggml_vocab_test__\n";
    std::vector<std::string> out;
    std::size_t at = 0;
    for (std::size_t end; (end = all.find(marker, at)) != std::string::npos; at = end + marker.size())
        out.push_back(all.substr(at, end - at));
    return out;
}

std::vector<std::vector<Token>> read_ids(const std::string& name) {
    std::istringstream in(test::read_text(test::shared(vocab_file(name) + ".out")));
    std::vector<std::vector<Token>> out;
    for (std::string line; std::getline(in, line);) {
        std::istringstream ids(line);
        out.emplace_back();
        for (Token id; ids >> id;) out.back().push_back(id);
    }
    return out;
}

}  // namespace

TEST_CASE("golden vocabularies: every text gives the ids of the collection, id for id") {
    for (const char* name : vocabularies) {
        CAPTURE(name);
        if (!std::filesystem::exists(test::shared(vocab_file(name)))) {
            test::skipped(std::string("texts of ") + name, 46);
            continue;
        }
        const auto tokenizer = test::load_tokenizer(test::shared(vocab_file(name)));
        const auto texts = read_texts(name);
        const auto ids = read_ids(name);
        REQUIRE(texts.size() == 46);
        REQUIRE(ids.size() == texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CAPTURE(texts[i]);
            const auto got = tokenizer->encode(texts[i], {.add_special = false, .parse_special = false});
            REQUIRE(got.ok());
            CHECK(*got == ids[i]);
            CHECK(tokenizer->decode(*got) == texts[i]);
        }
    }
}

TEST_CASE("golden vocabularies: random text survives encoding and decoding, whole and as a stream") {
    for (const char* name : vocabularies) {
        CAPTURE(name);
        if (!std::filesystem::exists(test::shared(vocab_file(name)))) {
            test::skipped(std::string("round trips of ") + name, 400);
            continue;
        }
        const auto tokenizer = test::load_tokenizer(test::shared(vocab_file(name)));
        const bool spm = tokenizer->model() == "llama";
        std::mt19937 random(7);
        for (int round = 0; round < 400; ++round) {
            const std::string text = test::random_text(random, 1 + random() % 200);
            CAPTURE(text);
            const auto ids = tokenizer->encode(text);
            REQUIRE(ids.ok());
            CHECK(tokenizer->decode(*ids) == text);
            StreamDecoder stream(*tokenizer, false, spm);
            std::string streamed;
            for (const Token id : *ids) {
                const std::string part = stream.push(id);
                CHECK(utf8_valid_prefix(part) == part.size());
                streamed += part;
            }
            streamed += stream.flush();
            CHECK(streamed == text);
        }
    }
}

TEST_CASE("golden vocabularies: special tokens are parsed only when asked for") {
    if (!std::filesystem::exists(test::shared(vocab_file("llama-spm")))) {
        test::skipped("special token checks", 1);
        return;
    }
    const auto llama = test::load_tokenizer(test::shared(vocab_file("llama-spm")));
    CHECK(llama->adds_bos());
    CHECK_FALSE(llama->adds_eos());
    const auto plain = llama->encode("Hello<s>");
    REQUIRE(plain.ok());
    CHECK(plain->front() == 1);
    CHECK(std::count(plain->begin(), plain->end(), 1) == 1);
    const auto parsed = llama->encode("<s>Hello</s>", {.add_special = false, .parse_special = true});
    REQUIRE(parsed.ok());
    CHECK(*parsed == std::vector<Token>{1, 15043, 2});
    CHECK(llama->decode(*parsed) == "Hello");
    CHECK(llama->decode(*parsed, true) == "<s>Hello</s>");
    CHECK(llama->ends_generation(2));

    const auto gpt2 = test::load_tokenizer(test::shared(vocab_file("gpt-2")));
    CHECK_FALSE(gpt2->adds_bos());
    CHECK(*gpt2->encode("a<|endoftext|>", {.add_special = true, .parse_special = true}) ==
          std::vector<Token>{64, 50256});
    CHECK(gpt2->encode("a<|endoftext|>")->size() > 2);
    CHECK(gpt2->ends_generation(50256));

    // The white space after phi-3's own special tokens belongs to them.
    const auto phi3 = test::load_tokenizer(test::shared(vocab_file("phi-3")));
    const auto chat = phi3->encode("<|user|> \nHi<|end|>\n<s> x", {.add_special = false, .parse_special = true});
    REQUIRE(chat.ok());
    const auto one = [&](const char* s) { return phi3->find(s).value_or(-1); };
    CHECK(*chat == std::vector<Token>{one("<|user|>"), one("▁Hi"), one("<|end|>"), one("<s>"), one("▁"), one("▁x")});
}

TEST_CASE("golden stories: prompts give the tokens of the collection") {
    if (!std::filesystem::exists(test::shared("stories260K.gguf"))) {
        test::skipped("prompts of stories260K", 1);
        return;
    }
    const auto tokenizer = test::load_tokenizer(test::shared("stories260K.gguf"));
    const auto json = nlohmann::json::parse(test::read_text(test::shared("stories260K.json")));
    REQUIRE_FALSE(json.at("cases").empty());
    for (const auto& c : json.at("cases")) {
        const auto prompt = c.at("prompt").get<std::string>();
        CAPTURE(prompt);
        const auto ids = tokenizer->encode(prompt);
        REQUIRE(ids.ok());
        CHECK(*ids == c.at("tokens").get<std::vector<Token>>());
        std::string text;
        for (const Token id : c.at("greedy").get<std::vector<Token>>()) text += tokenizer->piece(id);
        CHECK(text == c.at("text").get<std::string>());
    }
}
