// The vocabularies of tests/golden/text (written by make_*_golden.py) and hand-made metadata.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/text/tokenizer.hpp"
#include "support/golden.hpp"

namespace hearth::test {

inline std::vector<std::int64_t> from_base64(std::string_view text) {
    static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<std::int64_t> out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const auto digit = digits.find(c);
        if (digit == std::string_view::npos) break;
        bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xffffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out.push_back((bits >> count) & 0xff);
    }
    return out;
}

// Any key may be replaced before the metadata is built.
inline Metadata metadata_of(const nlohmann::json& keys) {
    Metadata out;
    for (const auto& [key, value] : keys.items()) {
        MetaValue v;
        if (value.is_boolean())
            v = value.get<bool>();
        else if (value.is_number_integer())
            v = value.get<std::int64_t>();
        else if (value.is_number())
            v = value.get<double>();
        else if (value.is_string())
            v = value.get<std::string>();
        else if (!value.empty() && value[0].is_string())
            v = value.get<std::vector<std::string>>();
        else if (!value.empty() && value[0].is_number_integer())
            v = value.get<std::vector<std::int64_t>>();
        else
            v = value.get<std::vector<double>>();
        REQUIRE(out.insert(key, std::move(v)));
    }
    return out;
}

struct GoldenVocab {
    nlohmann::json keys;
    nlohmann::json cases;  // of "text", "ids", perhaps "decoded"
};

inline GoldenVocab golden_vocab(const std::string& name) {
    auto json = nlohmann::json::parse(read_text(golden("text/" + name + ".json")));
    GoldenVocab out{std::move(json["metadata"]), std::move(json["cases"])};
    if (const std::string blob = json.value("charsmap", ""); !blob.empty())
        out.keys["tokenizer.ggml.precompiled_charsmap"] = from_base64(blob);
    return out;
}

inline std::unique_ptr<Tokenizer> tokenizer_of(const nlohmann::json& keys) {
    auto tokenizer = Tokenizer::make(metadata_of(keys));
    REQUIRE_MESSAGE(tokenizer.ok(), tokenizer.status().message());
    return *std::move(tokenizer);
}

// The message of the error that these keys give.
inline std::string refusal_of(const nlohmann::json& keys, Code code = Code::malformed) {
    const auto tokenizer = Tokenizer::make(metadata_of(keys));
    REQUIRE_FALSE(tokenizer.ok());
    CHECK(tokenizer.status().code() == code);
    return tokenizer.status().message();
}

inline std::vector<Token> encode(const Tokenizer& tokenizer, std::string_view text,
                                 EncodeOptions options = {false, false}) {
    const auto ids = tokenizer.encode(text, options);
    REQUIRE_MESSAGE(ids.ok(), ids.status().message());
    return *ids;
}

inline bool mentions(const std::string& message, std::string_view part) {
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
    return message.find(part) != std::string::npos;
}

}  // namespace hearth::test
