// The most probable segmentation under a unigram language model: Kudo, "Subword regularization" (2018), by the
// algorithm of Viterbi over byte positions.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/token_trie.hpp"

namespace hearth::text {

class Unigram {
public:
    struct Entry {
        std::string_view text;  // not empty, valid UTF-8
        Token id;
        float score;  // logarithm of a probability
    };
    struct Piece {
        std::uint32_t length;  // bytes
        Token id;              // -1: one character that no entry covers
    };

    Unigram() = default;
    // `unknown_score`: of a character that is no entry by itself. `ids`: one more than the largest id.
    Unigram(const std::vector<Entry>& entries, std::size_t ids, float unknown_score);

    // Maximises the sum of scores. Where the same pieces fit in another order ("aaa" as a aa or aa a), sums are equal;
    // then the path whose last piece is longest is taken, at every place. Sums are double: those of single precision
    // scores are exact there in any usual text, so that rounding does not decide. (SentencePiece itself sums in single
    // precision, and its choice among equal paths depends on what stands before; Hugging Face's tokenizers agree with
    // the rule here.) `text` must be valid UTF-8.
    std::vector<Piece> segment(std::string_view text) const;

private:
    TokenTrie trie_;
    std::vector<float> scores_;  // by id
    float unknown_score_ = 0;
};

}  // namespace hearth::text
