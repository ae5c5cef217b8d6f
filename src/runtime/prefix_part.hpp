// A block of tokens, or what a sequence ends with, and what a cache needs to go on behind it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hearth/base/hash.hpp"
#include "hearth/runtime/kv_cache.hpp"

namespace hearth {

// Never changed once it is shared.
struct PrefixPart {
    Hash128 parent, key;
    std::vector<std::int32_t> tokens;  // up to kSpan, that end at cut.position
    bool block = false;                // has pages of tokens [cut.position - kSpan, cut.position) alone
    // Of a block: the page of each plain group. Else: the last one of those where it is incomplete, and all of the
    // others.
    KvCache::Cut cut;
    bool known = false;                    // the logits after the last token
    std::shared_ptr<const Buffer> logits;  // where they are

    std::size_t begin() const { return cut.position - tokens.size(); }
};

// Whose pages belong to a block each.
inline bool plain(const KvLayout::Group& group) { return group.reach.all() && group.every == 1; }

inline Hash128 prefix_key(const Hash128& parent, std::span<const std::int32_t> tokens, bool block) {
    Hasher h;
    h.add(parent);
    h.add(std::uint64_t{block});
    h.add(std::as_bytes(tokens));
    return h.digest();
}

// The origin, and what each full block of some tokens is named: [blocks + 1].
inline std::vector<Hash128> prefix_keys(const Hash128& origin, std::span<const std::int32_t> tokens) {
    std::vector<Hash128> keys{origin};
    for (std::size_t n = 0; n < tokens.size() / kSpan; ++n)
        keys.push_back(prefix_key(keys.back(), tokens.subspan(n * kSpan, kSpan), true));
    return keys;
}

inline std::size_t common_tokens(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Where a sequence can go on by a part with which it has `common` tokens, of `length`, the last `rows` of which are to
// be computed. 0: nowhere. Plain groups count as there.
inline std::size_t prefix_end(const PrefixPart& part, const KvLayout& layout, std::size_t common, std::size_t length,
                              std::size_t rows) {
    const std::size_t limit = length - rows, position = part.cut.position;
    if (layout.state_bytes != 0) {
        const bool known = position == length && rows == 1 && part.known;
        return part.block || common < position || (position > limit && !known) ? 0 : position;
    }
    const std::size_t end = std::min(common, limit);
    for (std::size_t g = 0; g < layout.groups.size(); ++g) {
        const KvLayout::Group& group = layout.groups[g];
        if (!plain(group) && (part.block || group.reach.first(end) / group.span() < part.cut.tables[g].begin)) return 0;
    }
    return end;
}

}  // namespace hearth
