// Remembers, during one encoding, where a word stood before and which tokens it became. Nothing is copied: the text and
// the output themselves hold keys and values.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/text/tokenizer.hpp"
#include "text/flat_map.hpp"

namespace hearth::text {

class WordCache {
public:
    // `text` contains every word that will be looked up and outlives the cache.
    explicit WordCache(std::string_view text)
        : text_(text), entries_(std::bit_ceil(std::clamp<std::size_t>(text.size() / 32, 16, 16384))) {}

    // Appends the word's tokens to `out` when it is known. Otherwise the caller appends them and calls store.
    bool replay(std::string_view word, std::vector<Token>& out) {
        slot_ = hash_bytes(word) & (entries_.size() - 1);
        const Entry& e = entries_[slot_];
        if (e.length != word.size() || text_.substr(e.begin, e.length) != word) return false;
        const std::size_t old = out.size();
        out.resize(old + e.count);
        std::copy_n(out.begin() + std::ptrdiff_t(e.first), e.count, out.begin() + std::ptrdiff_t(old));
        return true;
    }
    // After a replay that failed: the word's tokens are those of `out` from `first` on.
    void store(std::string_view word, const std::vector<Token>& out, std::size_t first) {
        entries_[slot_] = {static_cast<std::size_t>(word.data() - text_.data()), word.size(), first,
                           out.size() - first};
    }

private:
    struct Entry {
        std::size_t begin = 0, length = 0;  // in the text; length 0: unused
        std::size_t first = 0, count = 0;   // in the output
    };
    std::string_view text_;
    std::vector<Entry> entries_;  // direct-mapped, a power of two
    std::size_t slot_ = 0;
};

}  // namespace hearth::text
