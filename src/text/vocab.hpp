// The vocabulary that a model file carries (tokenizer.ggml.* keys), checked once so that encoders can trust it.
// Thread class: immutable after load, shareable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/text/tokenizer.hpp"
#include "text/string_table.hpp"
#include "text/unicode.hpp"

namespace hearth::text {

inline constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581, a space inside SentencePiece vocabularies
// Appends a token's spelling as running text: its marks become spaces.
void append_with_spaces(std::string_view spelling, std::string& out);

// What a tokenizer model assumes where the file has no key.
struct VocabDefaults {
    std::optional<Token> bos, eos, unknown, separator, padding, mask;  // ignored when outside the vocabulary
    bool only_control = false;                                         // and when they are ordinary tokens there
    bool add_bos = false;
    bool add_eos = false;
    bool add_separator = false;
    bool add_space_prefix = false;
    bool remove_extra_whitespaces = false;
    bool need_scores = false;  // scores decide the encoding: one that is not a number is an error
};

class Vocab {
public:
    static Result<Vocab> load(const Metadata& metadata, const VocabDefaults& defaults, const Stop* stop);

    std::size_t size() const { return texts_.size(); }
    bool contains(Token id) const { return id >= 0 && static_cast<std::size_t>(id) < size(); }
    // The following three require contains(id).
    std::string_view text(Token id) const { return texts_[static_cast<std::size_t>(id)]; }
    float score(Token id) const { return scores_.empty() ? 0.0f : scores_[static_cast<std::size_t>(id)]; }
    TokenKind kind(Token id) const { return kinds_[static_cast<std::size_t>(id)]; }

    // By exact spelling; of equal ones the last (an added token replaces the one that it repeats). -1: none.
    Token find(std::string_view spelling) const { return texts_.find(spelling); }
    // The token "<0xXX>" of a byte, else the one spelled as that byte itself; -1: none.
    Token byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
    // The byte that a token "<0xXX>" stands for, -1 when it is spelled otherwise.
    int byte_value(Token id) const;

    std::optional<Token> special(SpecialToken which) const { return special_[static_cast<std::size_t>(which)]; }
    bool ends_generation(Token id) const { return contains(id) && ends_[static_cast<std::size_t>(id)]; }
    // White space before (after) this token in raw text belongs to it and vanishes.
    bool strips_left(Token id) const { return strips_[static_cast<std::size_t>(id)] & 1; }
    bool strips_right(Token id) const { return strips_[static_cast<std::size_t>(id)] & 2; }

    bool add_bos = false;
    bool add_eos = false;
    bool add_separator = false;
    bool add_space_prefix = false;
    bool remove_extra_whitespaces = false;
    bool missing_space_only = false;  // add_space_prefix: where the text has none itself
    bool strips_any_space = false;    // strips_left and strips_right take whatever Unicode calls white space
    bool first_space_only = false;    // add_space_prefix: before the whole text, not after special tokens
    std::optional<unicode::Form> normal_form;  // of text before anything else
    // What add_special puts around a text; from add_bos and add_eos unless the tokenizer model sets its own.
    std::vector<Token> prefix, suffix;

private:
    Status load_tokens(const Metadata& metadata, bool need_scores, const Stop* stop);
    Status load_special(const Metadata& metadata, const VocabDefaults& defaults);
    Status load_flags(const Metadata& metadata, const VocabDefaults& defaults);
    void find_byte_tokens(const Stop* stop);
    Status find_end_of_generation(const Metadata& metadata);
    Status set_strips(const Metadata& metadata);
    Status load_json_flags(const Metadata& metadata);
    // The ids that `key` lists; empty when it is absent.
    Result<std::vector<Token>> read_ids(const Metadata& metadata, const char* key) const;
    void set_kind(Token id, TokenKind kind) { kinds_[static_cast<std::size_t>(id)] = kind; }

    StringTable texts_;                 // [tokens]
    std::vector<float> scores_;         // [tokens], empty: all 0
    std::vector<TokenKind> kinds_;      // [tokens]
    std::vector<std::uint8_t> ends_;    // [tokens]
    std::vector<std::uint8_t> strips_;  // [tokens], bit 0 left, bit 1 right
    std::array<Token, 256> byte_tokens_{};
    std::array<std::optional<Token>, 11> special_;  // by SpecialToken
};

}  // namespace hearth::text
