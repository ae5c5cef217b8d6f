// Text as SentencePiece's unigram models see it: normalisation rules, white space, spaces as U+2581.
// Source: Kudo and Richardson, "SentencePiece" (2018), options add_dummy_prefix and remove_extra_whitespaces.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <string>
#include <string_view>

#include "text/charsmap.hpp"

namespace hearth::text {

struct PieceNormalizer {
    Charsmap rules;
    bool add_prefix = false;    // one U+2581 before the text
    bool remove_extra = false;  // no space at either end, one between words
    bool missing_only = false;  // add_prefix: where the text does not begin with one
    bool any_space = false;     // whatever Unicode calls white space is a space

    // Requires valid UTF-8 and gives valid UTF-8.
    std::string apply(std::string_view text) const;
};

}  // namespace hearth::text
