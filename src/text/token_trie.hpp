// All tokens that start at a place of a text, shortest first: a byte trie in arrays, children of a node side by side.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"
#include "text/vocab.hpp"

namespace hearth::text {

class TokenTrie {
public:
    struct Entry {
        std::string_view text;  // not empty
        Token id;
    };
    static constexpr std::uint32_t root = 0;
    static constexpr std::uint32_t none = 0;  // the root is nobody's child

    // Walks from every place of a text must stay short: no real token comes near this length.
    static constexpr std::size_t max_token_bytes = 512;
    static Status check_lengths(const Vocab& vocab);

    // Of equal texts the last entry counts. The entries' texts need not outlive the call.
    explicit TokenTrie(std::vector<Entry> entries = {});

    std::uint32_t step(std::uint32_t node, unsigned char byte) const {
        const auto begin = bytes_.begin() + first_[node];
        const auto end = bytes_.begin() + first_[node + 1];
        const auto at = std::lower_bound(begin, end, byte);
        return at == end || *at != byte ? none : static_cast<std::uint32_t>(at - bytes_.begin());
    }
    // The token that ends at this node, -1: none.
    Token token(std::uint32_t node) const { return tokens_[node]; }

private:
    std::vector<std::uint32_t> first_;  // [nodes + 1], first child
    std::vector<unsigned char> bytes_;  // [nodes], the label that leads here; ascending among siblings
    std::vector<Token> tokens_;         // [nodes]
};

}  // namespace hearth::text
