// The keys that tokenizers of Hugging Face folders add to GGUF's (tokenizer.hearth.*).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/text/tokenizer.hpp"
#include "text/unicode.hpp"

namespace hearth::text {

namespace {

// Bytes a, b, space (as the byte alphabet spells it), a merge, two special tokens.
Metadata keys() {
    Metadata m;
    m.insert("tokenizer.ggml.model", std::string("gpt2"));
    m.insert("tokenizer.ggml.pre", std::string("tokenizer.json"));
    m.insert("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "Ġ", "ab", "<s>", "<e>", "Ã", "©"});
    m.insert("tokenizer.ggml.token_type", std::vector<std::int64_t>{1, 1, 1, 1, 3, 4, 1, 1});
    m.insert("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
    m.insert("tokenizer.ggml.bos_token_id", std::uint64_t{4});
    m.insert("tokenizer.ggml.eos_token_id", std::int64_t{-1});
    return m;
}

std::vector<Token> encode(const Metadata& m, std::string_view text) {
    const auto t = Tokenizer::make(m);
    REQUIRE_MESSAGE(t.ok(), t.status().message());
    const auto ids = (*t)->encode(text);
    REQUIRE_MESSAGE(ids.ok(), ids.status().message());
    return *ids;
}

void check_refused(const Metadata& m, Code code, const std::vector<std::string>& words) {
    const auto t = Tokenizer::make(m);
    CHECK(t.status().code() == code);
    for (const std::string& word : words)
        CHECK_MESSAGE(t.status().message().find(word) != std::string::npos, "'" << word << "' in: " << t.status().message());
}

}  // namespace

TEST_CASE("json keys: patterns split in turn, none leave the text whole") {
    Metadata whole = keys(), apart = keys();
    whole.insert("tokenizer.hearth.patterns", std::vector<std::string>{});
    apart.insert("tokenizer.hearth.patterns", std::vector<std::string>{"a"});
    CHECK(encode(whole, "ab ab") == std::vector<Token>{3, 2, 3});
    CHECK(encode(apart, "ab ab") == std::vector<Token>{0, 1, 2, 0, 1});
    Metadata broken = keys();
    broken.insert("tokenizer.hearth.patterns", std::vector<std::string>{"(a"});
    check_refused(broken, Code::unsupported, {"tokenizer.hearth.patterns", "(a"});
    Metadata other = keys();
    other.insert("tokenizer.hearth.patterns", std::uint64_t{1});
    check_refused(other, Code::malformed, {"tokenizer.hearth.patterns", "strings"});
}

TEST_CASE("json keys: tokens around a text, tokens that end generation, tokens that take white space") {
    Metadata m = keys();
    m.insert("tokenizer.hearth.patterns", std::vector<std::string>{});
    m.insert("tokenizer.hearth.prefix_ids", std::vector<std::uint64_t>{4, 4});
    m.insert("tokenizer.hearth.suffix_ids", std::vector<std::uint64_t>{5});
    m.insert("tokenizer.hearth.lstrip_ids", std::vector<std::uint64_t>{5});
    m.insert("tokenizer.hearth.rstrip_ids", std::vector<std::uint64_t>{5});
    m.insert("tokenizer.hearth.end_ids", std::vector<std::uint64_t>{1, 5});
    CHECK(encode(m, "a  <e> b") == std::vector<Token>{4, 4, 0, 5, 1, 5});
    const auto t = Tokenizer::make(m);
    CHECK((*t)->ends_generation(1));
    CHECK((*t)->ends_generation(5));
    CHECK(!(*t)->ends_generation(0));
    CHECK((*t)->adds_bos());
    for (const char* key : {"prefix_ids", "suffix_ids", "lstrip_ids", "rstrip_ids", "end_ids"}) {
        Metadata wrong = keys();
        wrong.insert("tokenizer.hearth.patterns", std::vector<std::string>{});
        if (key != std::string("prefix_ids") && key != std::string("lstrip_ids") && key != std::string("rstrip_ids"))
            wrong.insert("tokenizer.hearth.prefix_ids", std::vector<std::uint64_t>{});
        wrong.insert(std::string("tokenizer.hearth.") + key, std::vector<std::uint64_t>{8});
        check_refused(wrong, Code::malformed, {key, "8"});
    }
}

TEST_CASE("json keys: text takes its normal form first") {
    Metadata m = keys();
    m.insert("tokenizer.hearth.patterns", std::vector<std::string>{});
    m.insert("tokenizer.hearth.normal_form", std::string("nfc"));
    CHECK(encode(m, "e\u0301") == std::vector<Token>{6, 7});
    Metadata wrong = keys();
    wrong.insert("tokenizer.hearth.patterns", std::vector<std::string>{});
    wrong.insert("tokenizer.hearth.normal_form", std::string("nfx"));
    check_refused(wrong, Code::malformed, {"tokenizer.hearth.normal_form", "'nfx'", "nfkd"});
}

TEST_CASE("unicode: normal forms of composed, decomposed and compatible characters") {
    using unicode::Form;
    struct Case {
        std::u32string text, nfc, nfd, nfkc, nfkd;
    };
    // From the examples of Unicode Standard annex 15, and Hangul.
    const std::vector<Case> cases = {
        {U"\u00c5", U"\u00c5", U"A\u030a", U"\u00c5", U"A\u030a"},
        {U"\u212b", U"\u00c5", U"A\u030a", U"\u00c5", U"A\u030a"},
        {U"\u1e9b\u0323", U"\u1e9b\u0323", U"\u017f\u0323\u0307", U"\u1e69", U"s\u0323\u0307"},
        {U"\ufb01", U"\ufb01", U"\ufb01", U"fi", U"fi"},
        {U"2\u2075", U"2\u2075", U"2\u2075", U"25", U"25"},
        {U"\ud55c", U"\ud55c", U"\u1112\u1161\u11ab", U"\ud55c", U"\u1112\u1161\u11ab"},
        {U"q\u0307\u0323", U"q\u0323\u0307", U"q\u0323\u0307", U"q\u0323\u0307", U"q\u0323\u0307"},
        {U"\u0958", U"\u0915\u093c", U"\u0915\u093c", U"\u0915\u093c", U"\u0915\u093c"},
        {U"plain", U"plain", U"plain", U"plain", U"plain"},
        {U"", U"", U"", U"", U""},
    };
    for (const Case& c : cases) {
        CAPTURE(unicode::encode(c.text));
        CHECK((unicode::normalize(c.text, Form::nfc) == c.nfc));
        CHECK((unicode::normalize(c.text, Form::nfd) == c.nfd));
        CHECK((unicode::normalize(c.text, Form::nfkc) == c.nfkc));
        CHECK((unicode::normalize(c.text, Form::nfkd) == c.nfkd));
    }
}

}  // namespace hearth::text
