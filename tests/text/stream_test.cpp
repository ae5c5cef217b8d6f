#include <doctest/doctest.h>

#include <random>

#include "text/vocabularies.hpp"

using namespace hearth;
using test::encode;

namespace {

const std::string replacement = "\xef\xbf\xbd";

}  // namespace

TEST_CASE("stream: bytes wait until their character is whole") {
    const auto t = test::tokenizer_of(test::bpe_keys());
    StreamDecoder stream(*t);
    const auto ids = encode(*t, "a😀é");
    REQUIRE(ids.size() == 7);
    std::vector<std::string> parts;
    for (const Token id : ids) parts.push_back(stream.push(id));
    CHECK(parts == std::vector<std::string>{"a", "", "", "", "😀", "", "é"});
    CHECK(stream.flush().empty());
}

TEST_CASE("stream: bytes that can no longer become whole turn into U+FFFD at once") {
    const auto t = test::tokenizer_of(test::spm_keys());
    const auto byte = [](int b) { return Token(3 + b); };
    StreamDecoder stream(*t);
    CHECK(stream.push(byte(0xe2)).empty());
    CHECK(stream.push(byte(0x82)).empty());
    CHECK(stream.push(t->find("a").value()) == replacement + "a");
    CHECK(stream.push(byte(0x80)) == replacement);
    CHECK(stream.push(byte(0xf0)).empty());
    CHECK(stream.push(byte(0x80)) == replacement + replacement);  // F0 80 begins no character
    CHECK(stream.push(byte(0xc3)).empty());
    CHECK(stream.push(byte(0xe2)) == replacement);
    CHECK(stream.flush() == replacement);
    CHECK(stream.flush().empty());
}

TEST_CASE("stream: the parts are the whole decoding, for any ids whatever") {
    std::mt19937 random(8);
    auto keys = test::spm_keys();
    test::add(keys, "<tool>", 4);
    for (const bool prefix : {false, true}) {
        keys["tokenizer.ggml.add_space_prefix"] = prefix;
        const auto t = test::tokenizer_of(keys);
        for (const bool special : {false, true}) {
            StreamDecoder stream(*t, special, prefix);
            for (int round = 0; round < 2000; ++round) {  // flush starts the decoder anew
                std::vector<Token> ids;
                for (unsigned n = random() % 10; n > 0; --n) {
                    const auto pick = random() % 4;
                    ids.push_back(pick == 0   ? Token(random() % t->size())
                                  : pick == 1 ? Token(3 + 0x80 + random() % 128)
                                              : Token(random() % 280) - 2);
                }
                std::string streamed;
                for (const Token id : ids) {
                    const std::string part = stream.push(id);
                    REQUIRE(utf8_valid_prefix(part) == part.size());
                    streamed += part;
                }
                streamed += stream.flush();
                REQUIRE(streamed == t->decode(ids, special));
            }
        }
    }
}

TEST_CASE("stream: control tokens show only when asked for and do not use up the leading space") {
    const auto t = test::tokenizer_of(test::spm_keys());
    const auto ids = encode(*t, "abc", {true, false});
    REQUIRE(ids.size() == 2);
    StreamDecoder plain(*t, false, true);
    CHECK(plain.push(ids[0]).empty());
    CHECK(plain.push(ids[1]) == "abc");
    CHECK(plain.push(ids[1]) == " abc");
    CHECK(plain.flush().empty());
    CHECK(plain.push(ids[1]) == "abc");
    StreamDecoder shown(*t, true);
    CHECK(shown.push(ids[0]) == "<s>");
    CHECK(shown.push(ids[1]) == " abc");
}
