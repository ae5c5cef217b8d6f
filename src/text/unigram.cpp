#include "text/unigram.hpp"

#include <algorithm>
#include <utility>

namespace hearth::text {

namespace {

TokenTrie make_trie(const std::vector<Unigram::Entry>& entries) {
    std::vector<TokenTrie::Entry> out;
    out.reserve(entries.size());
    for (const auto& e : entries) out.push_back({e.text, e.id});
    return TokenTrie(std::move(out));
}

// Bytes of the character at text[i].
std::size_t char_length(std::string_view text, std::size_t i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

}  // namespace

Unigram::Unigram(const std::vector<Entry>& entries, std::size_t ids, float unknown_score)
    : trie_(make_trie(entries)), scores_(ids, 0.0f), unknown_score_(unknown_score) {
    for (const Entry& e : entries) scores_[static_cast<std::size_t>(e.id)] = e.score;
}

std::vector<Unigram::Piece> Unigram::segment(std::string_view text) const {
    struct Node {
        double sum = 0;
        Piece last{0, -1};  // the best path's piece that ends here, length 0: no path yet
    };
    std::vector<Node> nodes(text.size() + 1);
    const auto offer = [&](std::size_t end, double sum, Piece piece) {
        Node& node = nodes[end];
        if (node.last.length == 0 || sum > node.sum) node = {sum, piece};
    };
    for (std::size_t begin = 0; begin < text.size();) {
        const double before = nodes[begin].sum;
        const std::size_t one = char_length(text, begin);
        bool known = false;
        std::uint32_t node = TokenTrie::root;
        for (std::size_t i = begin; i < text.size(); ++i) {
            node = trie_.step(node, static_cast<unsigned char>(text[i]));
            if (node == TokenTrie::none) break;
            const Token id = trie_.token(node);
            if (id < 0) continue;
            const std::size_t length = i + 1 - begin;
            known = known || length == one;
            offer(i + 1, before + scores_[static_cast<std::size_t>(id)], {static_cast<std::uint32_t>(length), id});
        }
        if (!known) offer(begin + one, before + unknown_score_, {static_cast<std::uint32_t>(one), -1});
        begin += one;
    }
    std::vector<Piece> out;
    for (std::size_t end = text.size(); end > 0; end -= nodes[end].last.length) out.push_back(nodes[end].last);
    std::reverse(out.begin(), out.end());
    return out;
}

}  // namespace hearth::text
