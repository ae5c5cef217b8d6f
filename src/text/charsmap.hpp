// SentencePiece's precompiled normalisation rules (tokenizer.ggml.precompiled_charsmap): the longest rule that matches
// at a place replaces the text there. Format: u32 byte size of the trie, the trie as u32 units of a double array
// (Yata, "Darts-clone", a DAWG when suffixes are shared), then the replacements, each ended by NUL.
// Thread class: immutable after parse, shareable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth::text {

class Charsmap {
public:
    struct Match {
        std::size_t length = 0;  // bytes of text, 0: no rule
        std::string_view replacement;
    };

    Charsmap() = default;  // no rules
    // Walks the whole trie once: indices outside, cycles, replacements that are not whole UTF-8 strings, and sizes
    // beyond any real rule set are refused here, so that find can trust it. An empty blob has no rules.
    static Result<Charsmap> parse(std::span<const std::uint8_t> blob);

    bool empty() const { return units_.empty(); }
    // The longest rule at the start of `text`.
    Match find(std::string_view text) const;

private:
    Status check() const;

    std::vector<std::uint32_t> units_;
    std::string replacements_;
};

}  // namespace hearth::text
