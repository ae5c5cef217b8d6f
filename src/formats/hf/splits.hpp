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

// What has no counterpart is refused by its name.
Status read_normalizer(JsonValue normalizer, Splits& out);
Status read_pre_tokenizer(JsonValue pre_tokenizer, Splits& out);

}  // namespace hearth::formats
