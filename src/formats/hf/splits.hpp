// How a tokenizer.json prepares text: its normalizer and pre-tokenizer as what the text floor does.
#pragma once

#include <string>
#include <vector>

#include "formats/json.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

struct Splits {
    std::vector<std::string> patterns;  // each splits what the one before left
    std::string normal_form;            // "nfc" …, "": none
    std::string prefix;                 // a space before text: "", "always", "missing", "first"
    bool bytes = false;                 // merging starts from bytes in GPT-2's alphabet
    bool marks = false;                 // spaces become U+2581
};

// Of WordPiece: BERT's normalizer and pre-tokenizer.
struct BertSteps {
    bool lowercase = true, strip_accents = true;
};

// Of unigram models: SentencePiece's options in other words.
struct UnigramSteps {
    std::vector<std::uint64_t> charsmap;  // bytes
    std::string normal_form;
    bool words = false;         // text is parted before every U+2581
    bool prefix = false;        // a space before text
    bool missing_only = false;  // where it has none
    bool remove_extra = false;  // none at either end, one between words
    bool any_space = false;     // of whatever white space
};

// What has no counterpart is refused by its name.
Status read_bert_steps(JsonValue normalizer, JsonValue pre_tokenizer, BertSteps& out);
Status read_unigram_steps(JsonValue normalizer, JsonValue pre_tokenizer, UnigramSteps& out);
Status read_normalizer(JsonValue normalizer, Splits& out);
Status read_pre_tokenizer(JsonValue pre_tokenizer, Splits& out);

}  // namespace hearth::formats
