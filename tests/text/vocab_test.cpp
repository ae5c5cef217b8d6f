#include "text/vocab.hpp"

#include <doctest/doctest.h>

#include <random>

#include "hearth/base/stop.hpp"
#include "text/special_matcher.hpp"
#include "text/vocabularies.hpp"

using namespace hearth;
using test::encode;
using test::mentions;
using test::refusal_of;
using test::spelled;
using test::with;

namespace {

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("vocab: contradictions in the file are refused with the key") {
    const auto keys = test::spm_keys();
    const auto refused = [&](const char* key, const nlohmann::json& value) {
        return refusal_of(with(keys, {{key, value}}));
    };
    CHECK(mentions(refused("tokenizer.ggml.model", nullptr),
                   "'tokenizer.ggml.model' is missing, expected one of 'llama'"));
    CHECK(mentions(refusal_of(with(keys, {{"tokenizer.ggml.model", "rwkv"}}), Code::unsupported),
                   "is 'rwkv', expected one of"));
    CHECK(mentions(refused("tokenizer.ggml.model", 5), "tokenizer.ggml.model"));
    CHECK(mentions(refused("tokenizer.ggml.tokens", nullptr), "'tokenizer.ggml.tokens' is missing"));
    CHECK(mentions(refused("tokenizer.ggml.tokens", 1), "tokenizer.ggml.tokens"));
    CHECK(mentions(refused("tokenizer.ggml.tokens", {"a"}), "entries, expected 1"));
    CHECK(
        mentions(refused("tokenizer.ggml.scores", {0.5, 1.5}), "'tokenizer.ggml.scores' has 2 entries, expected 272"));
    CHECK(mentions(refused("tokenizer.ggml.token_type", {1, 1}), "'tokenizer.ggml.token_type' has 2 entries"));
    auto kinds = keys["tokenizer.ggml.token_type"];
    kinds[9] = 7;
    CHECK(mentions(refused("tokenizer.ggml.token_type", kinds), "has 7 at entry 9, expected 0 to 6"));
    kinds[9] = -1;
    CHECK(mentions(refused("tokenizer.ggml.token_type", kinds), "tokenizer.ggml.token_type"));
    for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eot_token_id",
                            "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.fim_pad_token_id"}) {
        CHECK(
            mentions(refused(key, 272), std::string("'") + key + "' is 272, expected the id of one of the 272 tokens"));
        CHECK(mentions(refused(key, -2), key));
        CHECK(mentions(refused(key, "x"), key));
    }
    CHECK(mentions(refused("tokenizer.ggml.add_bos_token", 1), "tokenizer.ggml.add_bos_token"));
    Metadata empty;
    empty.insert("tokenizer.ggml.model", std::string("llama"));
    empty.insert("tokenizer.ggml.tokens", std::vector<std::string>());
    const auto none = Tokenizer::make(empty);
    REQUIRE_FALSE(none.ok());
    CHECK(mentions(none.status().message(), "'tokenizer.ggml.tokens' is empty"));
}

TEST_CASE("tokenizer: making one ends where it is to stop") {
    Stop stop, go_on;
    stop.request();
    for (const auto& keys : {test::spm_keys(), test::bpe_keys()}) {
        const Metadata metadata = test::metadata_of(keys);
        CHECK(Tokenizer::make(metadata, &go_on).ok());
        CHECK_THROWS_AS(static_cast<void>(Tokenizer::make(metadata, &stop)), Stopped);
    }
}

TEST_CASE("vocab: of equal spellings the last is found, empty ones never") {
    auto keys = test::spm_keys();
    const int again = test::add(keys, "ab", 1, 3);
    test::add(keys, "");
    const auto t = test::tokenizer_of(keys);
    CHECK(t->find("ab") == again);
    CHECK_FALSE(t->find("").has_value());
    CHECK_FALSE(t->find("nowhere").has_value());
    CHECK(encode(*t, "dab").back() == again);
    CHECK(t->size() == 274);
    CHECK(t->text(-1).empty());
    CHECK(t->text(274).empty());
    CHECK(t->piece(274).empty());
    CHECK(t->piece(-5).empty());
    CHECK(t->kind(9999) == TokenKind::undefined);
    CHECK_FALSE(t->ends_generation(-1));
    CHECK(t->decode(std::vector<Token>{-1, again, 5000}) == "ab");
}

TEST_CASE("vocab: special ids come from keys, then defaults, then spellings") {
    auto keys = test::spm_keys();
    const auto plain = test::tokenizer_of(keys);
    CHECK(plain->special(SpecialToken::bos) == 1);
    CHECK(plain->special(SpecialToken::eos) == 2);
    CHECK(plain->special(SpecialToken::unknown) == 0);
    CHECK_FALSE(plain->special(SpecialToken::eot));
    CHECK_FALSE(plain->special(SpecialToken::mask));
    const int eot = test::add(keys, "<|im_end|>", 3);
    const int fim = test::add(keys, "<|fim_suffix|>", 3);
    const auto t =
        test::tokenizer_of(with(keys, {{"tokenizer.ggml.bos_token_id", 2}, {"tokenizer.ggml.mask_token_id", 5}}));
    CHECK(t->special(SpecialToken::bos) == 2);
    CHECK(t->special(SpecialToken::eot) == eot);
    CHECK(t->special(SpecialToken::fim_suffix) == fim);
    CHECK(t->special(SpecialToken::mask) == 5);
    const auto none = test::tokenizer_of(with(keys, {{"tokenizer.ggml.bos_token_id", 0xffffffffu}}));
    CHECK_FALSE(none->special(SpecialToken::bos));
    CHECK_FALSE(none->adds_bos());
    CHECK(encode(*none, "d", {true, false}) == encode(*none, "d"));
}

TEST_CASE("vocab: generation ends at the tokens that the keys or their spellings name") {
    auto keys = test::bpe_keys();
    std::vector<int> ends;
    for (const char* s : {"<|eot_id|>",
                          "<|im_end|>",
                          "<end_of_turn>",
                          "<|endoftext|>",
                          "</s>",
                          "<|eom_id|>",
                          "<EOT>",
                          "_<EOT>",
                          "[EOT]",
                          "[EOS]",
                          "<|end_of_text|>",
                          "<end_of_utterance>",
                          "<eos>",
                          "<turn|>",
                          "<｜end▁of▁sentence｜>",
                          "[e~[",
                          "<|end|>",
                          "<|flush|>",
                          "<|fim_pad|>",
                          "<|file_sep|>"})
        ends.push_back(test::add(keys, s, 1));
    const int other = test::add(keys, "<|start|>", 3);
    const int keyed = test::add(keys, "stop here", 3);
    keys["tokenizer.ggml.eos_token_id"] = keyed;
    const auto t = test::tokenizer_of(keys);
    for (const int id : ends) {
        CAPTURE(t->text(id));
        CHECK(t->ends_generation(id));
        CHECK(t->kind(id) == TokenKind::control);
    }
    CHECK(t->ends_generation(keyed));
    CHECK_FALSE(t->ends_generation(other));
    CHECK_FALSE(t->ends_generation(65));
    // gemma4: </s> is text there.
    test::add(keys, "<|tool_response>", 3);
    const auto gemma = test::tokenizer_of(keys);
    CHECK_FALSE(gemma->ends_generation(gemma->find("</s>").value()));
    CHECK(gemma->kind(gemma->find("</s>").value()) == TokenKind::normal);
    CHECK(gemma->piece(gemma->find("</s>").value()) == "</s>");
    CHECK(gemma->ends_generation(gemma->find("<|tool_response>").value()));
}

TEST_CASE("vocab: gpt-oss keeps <|end|> within the turn and shows what structures its messages") {
    auto keys = test::bpe_keys();
    for (const char* s :
         {"<|return|>", "<|call|>", "<|end|>", "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"})
        test::add(keys, s, 3);
    keys["tokenizer.ggml.eos_token_id"] = keys["tokenizer.ggml.tokens"].size() - 7;
    const auto t = test::tokenizer_of(keys);
    const auto id = [&](const char* s) { return t->find(s).value(); };
    CHECK(t->ends_generation(id("<|return|>")));
    CHECK(t->ends_generation(id("<|call|>")));
    CHECK_FALSE(t->ends_generation(id("<|end|>")));
    CHECK(t->special(SpecialToken::eot) != id("<|end|>"));
    for (const char* s : {"<|end|>", "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}) {
        CHECK(t->kind(id(s)) == TokenKind::user_defined);
        CHECK(t->piece(id(s)) == s);
    }
    CHECK(t->piece(id("<|return|>")).empty());
    CHECK(t->piece(id("<|return|>"), true) == "<|return|>");
    // The same for Solar's tokens; with neither, <|end|> ends.
    for (const bool solar : {true, false}) {
        auto others = test::bpe_keys();
        const int end = test::add(others, "<|end|>", 3);
        const int calls = test::add(others, "<|calls|>", 3);
        if (solar) test::add(others, "<|flush|>", 3);
        const auto u = test::tokenizer_of(others);
        CHECK(u->ends_generation(end) == !solar);
        CHECK(u->ends_generation(calls));
        CHECK(u->kind(end) == (solar ? TokenKind::user_defined : TokenKind::control));
    }
}

TEST_CASE("special tokens: user-defined ones are found always, control and unknown ones only when asked") {
    auto keys = test::bpe_keys();
    test::add(keys, "<tool>", 4);
    test::add(keys, "<|x|>", 3);
    test::add(keys, "<?>", 2);
    const auto t = test::tokenizer_of(keys);
    CHECK(spelled(*t, encode(*t, "ab<tool>c")) == Words{"ab", "<tool>", "c"});
    CHECK(spelled(*t, encode(*t, "<|x|>")) == Words{"<", "|", "x", "|", ">"});
    CHECK(spelled(*t, encode(*t, "<|x|>ab<?><tool><tool>", {false, true})) ==
          Words{"<|x|>", "ab", "<?>", "<tool>", "<tool>"});
    CHECK(t->decode(encode(*t, "<|x|>ab<tool>", {false, true})) == "ab<tool>");
    CHECK(t->decode(encode(*t, "<|x|>ab<tool>", {false, true}), true) == "<|x|>ab<tool>");
}

TEST_CASE("special tokens: leftmost first, longest at each place, as a direct search finds them") {
    std::mt19937 random(4);
    for (int round = 0; round < 200; ++round) {
        auto keys = test::bpe_keys();
        std::vector<std::string> specials;
        for (int k = 0; k < 8; ++k) {
            std::string s;
            for (unsigned n = 1 + random() % 6; n > 0; --n) s += "<|x"[random() % 3];
            if (std::find(specials.begin(), specials.end(), s) != specials.end()) continue;
            specials.push_back(s);
        }
        // One character alone would hide the alphabet's own token.
        std::erase_if(specials, [](const std::string& s) { return s.size() < 2; });
        for (const std::string& s : specials) test::add(keys, s, 4);
        std::string text;
        for (int n = 0; n < 60; ++n) text += "<|x "[random() % 4];
        Words expected;
        for (std::size_t i = 0; i < text.size();) {
            std::string best(1, text[i]);
            for (const std::string& s : specials)
                if (s.size() > best.size() && text.compare(i, s.size(), s) == 0) best = s;
            if (best.size() > 1) expected.push_back(best);
            i += best.size();
        }
        CAPTURE(text);
        const auto t = test::tokenizer_of(keys);
        Words found;
        for (const Token id : encode(*t, text))
            if (t->kind(id) == TokenKind::user_defined) found.emplace_back(t->text(id));
        CHECK(found == expected);
    }
}

TEST_CASE("special tokens: white space beside tokens that strip it vanishes") {
    auto keys = test::bpe_keys();
    test::add(keys, "<mask>", 3);
    test::add(keys, "<|end|>", 3);
    test::add(keys, "<s>", 3);
    const auto ids = [&](const nlohmann::json& changes, const char* text) {
        const auto t = test::tokenizer_of(with(keys, changes));
        return spelled(*t, encode(*t, text, {false, true}));
    };
    CHECK(ids({}, "a <mask> b") == Words{"a", "Ġ", "<mask>", "Ġ", "b"});
    CHECK(ids({{"tokenizer.ggml.pre", "jina-v2-code"}}, "a \t<mask> b") == Words{"a", "<mask>", "Ġ", "b"});
    keys["tokenizer.ggml.tokens"][256 + 4] = "[MASK]";
    CHECK(ids({{"tokenizer.ggml.pre", "modern-bert"}}, "a [MASK] b") == Words{"a", "[MASK]", "Ġ", "b"});
    keys["tokenizer.ggml.tokens"][256 + 4] = "<mask>";
    const nlohmann::json phi3 = {{"general.name", "Phi-3 Mini"}};
    CHECK(ids(phi3, "a <|end|> \nb<s> c") == Words{"a", "Ġ", "<|end|>", "b", "<s>", "Ġ", "c"});
    CHECK(ids(phi3, "<|end|>  ") == Words{"<|end|>"});
}

TEST_CASE("encode: text that is not UTF-8 is refused with the byte") {
    for (const auto& keys : {test::spm_keys(), test::bpe_keys()}) {
        const auto t = test::tokenizer_of(keys);
        const auto bad = t->encode("ab\xffz");
        REQUIRE_FALSE(bad.ok());
        CHECK(bad.status().code() == Code::invalid_utf8);
        CHECK(bad.status().message() == "the text is not UTF-8 at byte 2 of 4");
        CHECK_FALSE(t->encode("\xed\xa0\x80").ok());
        CHECK_FALSE(t->encode("half \xf0\x9f\x98").ok());
        CHECK(t->encode(std::string_view("nul \0 inside", 12)).ok());
    }
}
