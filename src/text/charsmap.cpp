#include "text/charsmap.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "hearth/base/cat.hpp"
#include "hearth/base/utf8.hpp"

namespace hearth::text {

namespace {

// The largest rule set in use (NMT NFKC with case folding) has 0.3 MB, its longest replacement 33 bytes.
constexpr std::size_t max_trie_bytes = std::size_t(4) << 20;
constexpr std::size_t max_replacement_bytes = 256;
constexpr std::uint32_t max_key_bytes = 256;

// Fields of a unit. Bit 31 marks a value, which no label can equal.
std::uint32_t label(std::uint32_t unit) { return unit & 0x800000ffu; }
bool has_leaf(std::uint32_t unit) { return (unit >> 8) & 1; }
std::uint32_t base(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }
std::uint32_t value(std::uint32_t unit) { return unit & 0x7fffffffu; }

Status malformed(std::string sentence) { return {Code::malformed, std::move(sentence)}; }

}  // namespace

Result<Charsmap> Charsmap::parse(std::span<const std::uint8_t> blob) {
    Charsmap map;
    if (blob.empty()) return map;
    if (blob.size() < 4) return malformed(cat("has ", blob.size(), " bytes, expected at least 4"));
    std::uint32_t trie_bytes;
    std::memcpy(&trie_bytes, blob.data(), 4);
    const std::size_t rest = blob.size() - 4;
    if (trie_bytes == 0 || trie_bytes % 4 != 0)
        return malformed(cat("the trie has ", trie_bytes, " bytes, expected a positive multiple of 4"));
    if (trie_bytes > rest) return malformed(cat("the trie has ", trie_bytes, " bytes, but only ", rest, " follow"));
    if (trie_bytes > max_trie_bytes)
        return malformed(cat("the trie has ", trie_bytes, " bytes, expected at most ", max_trie_bytes));
    map.units_.resize(trie_bytes / 4);
    std::memcpy(map.units_.data(), blob.data() + 4, trie_bytes);
    map.replacements_.assign(reinterpret_cast<const char*>(blob.data()) + 4 + trie_bytes, rest - trie_bytes);
    HEARTH_TRY(map.check());
    return map;
}

Status Charsmap::check() const {
    if (!replacements_.empty() && replacements_.back() != '\0')
        return malformed("the last replacement does not end with a NUL byte");
    for (std::size_t i = 0; i < replacements_.size();) {
        const std::size_t length = replacements_.find('\0', i) - i;
        const std::string_view one(replacements_.data() + i, length);
        if (length > max_replacement_bytes)
            return malformed(
                cat("the replacement at ", i, " has ", length, " bytes, expected at most ", max_replacement_bytes));
        if (const std::size_t good = utf8_valid_prefix(one); good != length)
            return malformed(cat("byte ", i + good, " of the replacements is not UTF-8"));
        i += length + 1;
    }

    // Depth first. A node reached again through another parent is a shared suffix and needs no second visit; one
    // reached from below itself is a cycle. Done nodes keep the length of the longest key below them.
    enum : std::uint32_t { unseen, open, done };  // done + height
    std::vector<std::uint32_t> state(units_.size(), unseen);
    struct Step {
        std::uint32_t node, base, next, height;  // next: the label to try
    };
    std::vector<Step> path;
    const auto enter = [&](std::uint32_t node) -> Status {
        const std::uint32_t unit = units_[node];
        const std::uint32_t first = node ^ base(unit);
        if (first >= units_.size())
            return malformed(cat("unit ", node, " points to unit ", first, " of ", units_.size()));
        if (has_leaf(unit)) {
            const std::uint32_t at = value(units_[first]);
            if (at >= replacements_.size())
                return malformed(cat("unit ", first, " points to byte ", at, " of ", replacements_.size(),
                                     " bytes of replacements"));
            if ((static_cast<unsigned char>(replacements_[at]) & 0xc0) == 0x80)
                return malformed(cat("unit ", first, " points into a character, byte ", at, " of the replacements"));
        }
        state[node] = open;
        path.push_back({node, first, 1, 0});
        return {};
    };
    HEARTH_TRY(enter(0));
    while (!path.empty()) {
        Step& step = path.back();
        if (step.next == 256) {
            if (step.height > max_key_bytes) return malformed(cat("a rule has more than ", max_key_bytes, " bytes"));
            const std::uint32_t height = step.height;
            state[step.node] = done + height;
            path.pop_back();
            if (!path.empty()) path.back().height = std::max(path.back().height, height + 1);
            continue;
        }
        const std::uint32_t wanted = step.next++;
        const std::uint32_t child = step.base ^ wanted;
        if (child >= units_.size() || label(units_[child]) != wanted) continue;
        if (state[child] == open) return malformed(cat("unit ", child, " leads back to itself"));
        if (state[child] >= done) {
            step.height = std::max(step.height, state[child] - done + 1);
            continue;
        }
        HEARTH_TRY(enter(child));
    }
    return {};
}

Charsmap::Match Charsmap::find(std::string_view text) const {
    Match best;
    if (units_.empty()) return best;
    std::uint32_t at = base(units_[0]);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        at ^= byte;
        if (byte == 0 || at >= units_.size() || label(units_[at]) != byte) break;
        const std::uint32_t unit = units_[at];
        at ^= base(unit);
        // Rules that end within a character are not taken: what is left of the text must stay UTF-8.
        const bool whole = i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xc0) != 0x80;
        if (has_leaf(unit) && whole) {
            const std::uint32_t offset = value(units_[at]);
            best = {i + 1, std::string_view(replacements_.data() + offset)};
        }
    }
    return best;
}

}  // namespace hearth::text
