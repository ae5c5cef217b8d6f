// tokenizer.json of a folder, with what its neighbours say of it, brought to the metadata keys of tokenizers: GGUF's
// tokenizer.ggml.*, and where those cannot say it
//   tokenizer.hearth.patterns          strings: text is split by each in turn, instead of by tokenizer.ggml.pre
//   tokenizer.hearth.ignore_merges     a word that is a token is taken whole
//   tokenizer.hearth.normal_form       "nfc", "nfd", "nfkc" or "nfkd": of text before anything else
//   tokenizer.hearth.space_prefix      "missing": only where there is none; "first": that, and only before the whole text
//   tokenizer.hearth.prefix_ids, suffix_ids    what stands around a text
//   tokenizer.hearth.between_ids       what stands between two texts that are read together
//   tokenizer.hearth.second_type       the second of them is told apart by its token type
//   tokenizer.hearth.lstrip_ids, rstrip_ids    tokens that take the white space before or after them
//   tokenizer.hearth.longest_word      of WordPiece, in characters; longer words are unknown
//   tokenizer.hearth.any_space         of unigram models: whatever is white space parts words
//   tokenizer.hearth.end_ids           further tokens that end generation
#pragma once

#include "formats/json.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

struct HfTexts {
    const Json* tokenizer = nullptr;   // tokenizer.json
    const Json* config = nullptr;      // tokenizer_config.json, or null
    const Json* model = nullptr;       // config.json
    const Json* generation = nullptr;  // generation_config.json, or null
};

// On failure `metadata` may have some of the keys.
Status read_tokenizer(const HfTexts& texts, Metadata& metadata);

}  // namespace hearth::formats
