// What every tokenizer model shares: special tokens in raw text, BOS/EOS around it, pieces and decoding. A model adds
// encode_text and append_normal, one file, and its line in tokenizers.inc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/text/tokenizer.hpp"
#include "text/special_matcher.hpp"
#include "text/vocab.hpp"

namespace hearth::text {

class TokenizerBase : public Tokenizer {
public:
    Result<std::vector<Token>> encode(std::string_view text, EncodeOptions options) const final;
    std::string piece(Token id, bool special) const final;
    std::string decode(std::span<const Token> ids, bool special) const final;

    std::string_view model() const final { return model_; }
    std::size_t size() const final { return vocab_.size(); }
    std::string_view text(Token id) const final { return vocab_.contains(id) ? vocab_.text(id) : std::string_view(); }
    TokenKind kind(Token id) const final { return vocab_.contains(id) ? vocab_.kind(id) : TokenKind::undefined; }
    std::optional<Token> special(SpecialToken which) const final { return vocab_.special(which); }
    std::optional<Token> find(std::string_view text) const final;
    bool ends_generation(Token id) const final { return vocab_.ends_generation(id); }
    bool adds_bos() const final { return vocab_.add_bos; }
    bool adds_eos() const final { return vocab_.add_eos; }

protected:
    // `model` names the tokenizer model and must be a literal.
    TokenizerBase(std::string_view model, Vocab vocab);
    const Vocab& vocab() const { return vocab_; }

private:
    // Appends the tokens of `text`: valid UTF-8, not empty, without special tokens. `at_start`: nothing or a special
    // token stands before it.
    virtual Status encode_text(std::string_view text, bool at_start, std::vector<Token>& out) const = 0;
    // Appends the bytes of a token of kind normal or undefined in running text.
    virtual void append_normal(Token id, std::string& out) const = 0;

    void append_piece(Token id, bool special, std::string& out) const;

    std::string_view model_;
    Vocab vocab_;
    SpecialMatcher user_defined_;  // recognised always
    SpecialMatcher all_special_;   // with control and unknown tokens, for parse_special
};

}  // namespace hearth::text
