// Splits text into the words within which byte pairs merge, by the regexes that tokenizer.ggml.pre names.
// Thread class: PreTokenizer is immutable and shareable; a Splitter belongs to one thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace hearth::text {

enum PreTokenizerFlags : unsigned {
    ignore_merges = 1,
    add_bos = 2,
    add_separator = 4,
    no_bos = 8,
    escape_spaces = 16,
    whole_newlines = 32,    // a run of newlines that is a token is taken whole
    whole_characters = 64,  // merging starts from characters as they are; those unknown without unknown token vanish
};

class PreTokenizer {
public:
    // An error names what is not known.
    static Result<PreTokenizer> make(std::string_view name);
    // For patterns that no model of the list has.
    static Result<PreTokenizer> make(std::string_view name, std::vector<std::string_view> patterns, unsigned flags);
    bool has(PreTokenizerFlags flag) const { return (flags_ & flag) != 0; }
    // Whether a pattern may match between two characters, where a Splitter does not split.
    bool may_match_nothing() const { return may_match_nothing_; }

private:
    friend class Splitter;
    struct Regex {
        std::shared_ptr<const pcre2_real_code_8> code;
        bool jit = false;
    };
    std::string_view name_;
    unsigned flags_ = 0;
    std::vector<Regex> regexes_;
    bool may_match_nothing_ = false;
};

// The names that PreTokenizer::make knows.
std::vector<std::string_view> pre_tokenizer_names();

class Splitter {
public:
    explicit Splitter(const PreTokenizer& pre);

    // Calls word(std::string_view) -> Status for each word of `text` (valid UTF-8), in order; together they are the
    // text.
    template <class Word>
    Status split(std::string_view text, const Word& word, std::size_t level = 0) {
        if (text.empty()) return {};
        if (level == pre_->regexes_.size()) return word(text);
        std::size_t done = 0;
        for (std::size_t from = 0; from < text.size();) {
            std::size_t begin = 0;
            std::size_t end = 0;
            HEARTH_TRY(match(level, text, from, begin, end));
            HEARTH_TRY(split(text.substr(done, begin - done), word, level + 1));
            HEARTH_TRY(split(text.substr(begin, end - begin), word, level + 1));
            done = from = end;
        }
        return split(text.substr(done), word, level + 1);
    }

private:
    // The first match at or after `from` that is not empty; none: begin = end = the end of the text.
    Status match(std::size_t level, std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end);

    const PreTokenizer* pre_;
    std::shared_ptr<pcre2_real_match_data_8> data_;
    std::shared_ptr<pcre2_real_match_context_8> limits_;
};

}  // namespace hearth::text
