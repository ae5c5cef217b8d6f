// Finds special tokens in raw text: leftmost first, longest at each place, in time linear in the text.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/flat_map.hpp"
#include "text/vocab.hpp"

namespace hearth::text {

class SpecialMatcher {
public:
    struct Match {
        std::size_t begin, end;  // bytes
        Token id;
    };

    // Tokens of kind user-defined, with `all` also control and unknown.
    SpecialMatcher(const Vocab& vocab, bool all);
    // In order, not overlapping. No control or unknown token begins at the bytes `plain`, which stand in order.
    std::vector<Match> find(std::string_view text, std::span<const std::size_t> plain = {}) const;

private:
    // Aho and Corasick, "Efficient string matching" (1975), over the spellings read backwards: after the text has been
    // read from its end down to i, the state knows the longest spelling that starts at i.
    struct Node {
        std::uint32_t fail = 0;
        Token id = -1;             // longest spelling that is a suffix of this node's path
        std::uint32_t length = 0;  // of that spelling
        bool control = false;      // it is of no user-defined token
    };
    std::uint32_t step(std::uint32_t node, unsigned char byte) const;

    std::vector<Node> nodes_;
    std::array<std::uint32_t, 256> root_{};  // children of the root
    FlatMap<std::uint32_t> children_;        // node * 256 + byte
};

}  // namespace hearth::text
