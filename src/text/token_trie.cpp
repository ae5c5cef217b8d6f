#include "text/token_trie.hpp"

#include "hearth/base/cat.hpp"

namespace hearth::text {

Status TokenTrie::check_lengths(const Vocab& vocab) {
    for (std::size_t i = 0; i < vocab.size(); ++i)
        if (const std::size_t bytes = vocab.text(static_cast<Token>(i)).size(); bytes > max_token_bytes)
            return {Code::unsupported, cat("metadata key 'tokenizer.ggml.tokens' has a token of ", bytes,
                                           " bytes at entry ", i, ", expected at most ", max_token_bytes)};
    return {};
}

TokenTrie::TokenTrie(std::vector<Entry> entries) {
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
    // Breadth first, so that siblings stand together and first_ ascends: node n owns the entries [begin, end) that
    // share its path.
    struct Range {
        std::size_t begin, end, depth;
    };
    std::vector<Range> ranges{{0, entries.size(), 0}};
    bytes_.push_back(0);
    tokens_.push_back(-1);
    for (std::size_t node = 0; node < ranges.size(); ++node) {
        auto [i, end, depth] = ranges[node];
        for (; i < end && entries[i].text.size() == depth; ++i) tokens_[node] = entries[i].id;
        first_.push_back(static_cast<std::uint32_t>(ranges.size()));
        while (i < end) {
            const auto byte = static_cast<unsigned char>(entries[i].text[depth]);
            const std::size_t begin = i;
            while (i < end && static_cast<unsigned char>(entries[i].text[depth]) == byte) ++i;
            ranges.push_back({begin, i, depth + 1});
            bytes_.push_back(byte);
            tokens_.push_back(-1);
        }
    }
    first_.push_back(static_cast<std::uint32_t>(ranges.size()));
}

}  // namespace hearth::text
