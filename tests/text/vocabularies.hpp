// Small hand-made vocabularies as metadata: enough to see merges, fallbacks and special tokens without any file.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/base/utf8.hpp"
#include "text/golden_vocab.hpp"

namespace hearth::test {

inline nlohmann::json with(nlohmann::json keys, const nlohmann::json& changes) {
    for (const auto& [key, value] : changes.items()) {
        if (value.is_null())
            keys.erase(key);
        else
            keys[key] = value;
    }
    return keys;
}

// Adds a token; `kind` and `score` as in the format.
inline int add(nlohmann::json& keys, const std::string& token, int kind = 1, double score = 0) {
    keys["tokenizer.ggml.tokens"].push_back(token);
    keys["tokenizer.ggml.token_type"].push_back(kind);
    keys["tokenizer.ggml.scores"].push_back(score);
    return static_cast<int>(keys["tokenizer.ggml.tokens"].size()) - 1;
}

// <unk> <s> </s>, byte tokens from 3 on, then pieces; the scores say in which order they merge.
inline nlohmann::json spm_keys() {
    nlohmann::json keys;
    keys["tokenizer.ggml.model"] = "llama";
    add(keys, "<unk>", 2);
    add(keys, "<s>", 3);
    add(keys, "</s>", 3);
    static constexpr char hex[] = "0123456789ABCDEF";
    for (int b = 0; b < 256; ++b) add(keys, std::string("<0x") + hex[b >> 4] + hex[b & 15] + ">", 6);
    double score = 0;
    for (const char* piece : {"ab", "bc", "▁a", "▁ab", "abc", "▁▁", "▁abc", "▁", "a", "b", "c", "d", "é"})
        add(keys, piece, 1, score--);
    return keys;
}

// The 256 bytes in GPT-2's alphabet, by byte, then the merges' results.
inline nlohmann::json bpe_keys(const std::vector<std::pair<std::string, std::string>>& merges = {
                                   {"a", "b"}, {"ab", "c"}, {"b", "c"}, {"Ġ", "a"}}) {
    nlohmann::json keys;
    keys["tokenizer.ggml.model"] = "gpt2";
    keys["tokenizer.ggml.pre"] = "gpt-2";
    std::uint32_t next = 256;
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::string spelling;
        const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        utf8_append(spelling, printable ? b : next++);
        add(keys, spelling);
    }
    keys["tokenizer.ggml.merges"] = nlohmann::json::array();
    for (const auto& [left, right] : merges) {
        keys["tokenizer.ggml.merges"].push_back(left + " " + right);
        add(keys, left + right);
    }
    return keys;
}

// The spellings of the ids, for readable checks.
inline std::vector<std::string> spelled(const Tokenizer& tokenizer, const std::vector<Token>& ids) {
    std::vector<std::string> out;
    for (const Token id : ids) out.emplace_back(tokenizer.text(id));
    return out;
}

}  // namespace hearth::test
