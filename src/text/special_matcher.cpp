#include "text/special_matcher.hpp"

#include <algorithm>

namespace hearth::text {

SpecialMatcher::SpecialMatcher(const Vocab& vocab, bool all) : nodes_(1) {
    struct Edge {
        std::uint32_t parent, child;
        unsigned char byte;
    };
    std::vector<Edge> edges;  // a parent's edge always precedes its child's
    for (std::size_t i = 0; i < vocab.size(); ++i) {
        const auto id = static_cast<Token>(i);
        const TokenKind kind = vocab.kind(id);
        const bool wanted =
            kind == TokenKind::user_defined || (all && (kind == TokenKind::control || kind == TokenKind::unknown));
        const std::string_view spelling = vocab.text(id);
        if (!wanted || spelling.empty() || vocab.find(spelling) != id) continue;
        std::uint32_t node = 0;
        for (std::size_t k = spelling.size(); k-- > 0;) {
            const auto byte = static_cast<unsigned char>(spelling[k]);
            const std::uint64_t key = std::uint64_t(node) * 256 + byte;
            const std::uint32_t* known = children_.find(key);
            if (known != nullptr) {
                node = *known;
                continue;
            }
            const auto child = static_cast<std::uint32_t>(nodes_.size());
            nodes_.emplace_back();
            children_.insert(key, child);
            if (node == 0) root_[byte] = child;
            edges.push_back({node, child, byte});
            node = child;
        }
        nodes_[node].id = id;
        nodes_[node].length = static_cast<std::uint32_t>(spelling.size());
        nodes_[node].control = kind != TokenKind::user_defined;
    }
    // Fail links need those of all shorter paths: visit edges by depth.
    std::vector<std::uint32_t> depth(nodes_.size(), 0);
    for (const Edge& e : edges) depth[e.child] = depth[e.parent] + 1;
    std::stable_sort(edges.begin(), edges.end(),
                     [&](const Edge& a, const Edge& b) { return depth[a.child] < depth[b.child]; });
    for (const Edge& e : edges) {
        Node& child = nodes_[e.child];
        child.fail = e.parent == 0 ? 0 : step(nodes_[e.parent].fail, e.byte);
        if (child.id < 0) {
            child.id = nodes_[child.fail].id;
            child.length = nodes_[child.fail].length;
            child.control = nodes_[child.fail].control;
        }
    }
}

std::uint32_t SpecialMatcher::step(std::uint32_t node, unsigned char byte) const {
    for (; node != 0; node = nodes_[node].fail)
        if (const std::uint32_t* child = children_.find(std::uint64_t(node) * 256 + byte)) return *child;
    return root_[byte];
}

std::vector<SpecialMatcher::Match> SpecialMatcher::find(std::string_view text, std::span<const std::size_t> plain) const {
    std::vector<Match> found;
    if (nodes_.size() == 1) return found;
    std::uint32_t node = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
        node = step(node, static_cast<unsigned char>(text[i]));
        const Node& n = nodes_[node];
        while (!plain.empty() && plain.back() > i) plain = plain.first(plain.size() - 1);
        const bool is_plain = n.control && !plain.empty() && plain.back() == i;
        if (n.id >= 0 && !is_plain) found.push_back({i, i + n.length, n.id});
    }
    std::reverse(found.begin(), found.end());
    std::size_t kept = 0;
    std::size_t end = 0;
    for (const Match& m : found) {
        if (m.begin < end) continue;
        found[kept++] = m;
        end = m.end;
    }
    found.resize(kept);
    return found;
}

}  // namespace hearth::text
