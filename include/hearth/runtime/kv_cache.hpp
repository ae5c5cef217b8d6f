// Keys, values and recurrent states of one sequence. Keys and values in pages of kSpan tokens; forks share pages and
// states until one of them writes (copy on write).
// Keys and values of any position can be gone back to; a state stands at one position only, and going back from there
// means the beginning.
// Thread class: one thread at a time for a cache and its forks together where pages are written (the engine's lock).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "hearth/base/memory.hpp"
#include "hearth/layers/attention.hpp"

namespace hearth {

class KvCache {
public:
    KvCache(std::shared_ptr<const KvLayout> layout, std::shared_ptr<Memory> memory)
        : layout_(std::move(layout)), memory_(std::move(memory)), states_(layout_->state_bytes != 0 ? layout_->layers.size() : 0) {}

    // The last position up to `length`, of those that passes were done to, from which the next pass can go on.
    std::size_t reachable(std::size_t length) const;
    // Forgets what is behind reachable(length), which it returns.
    std::size_t rewind(std::size_t length);
    // For a pass over positions [first, end), first being reachable: makes them writable (allocates missing pages, copies
    // shared ones), and the states as they are at `first`. Fails without change.
    Status prepare(std::size_t first, std::size_t end);
    // That pass has run. Until then its states count as lost: a pass that fails leaves them in between.
    void done(std::size_t end) { state_position_ = end; }

    KvView view() const { return {layout_.get(), pointers_.data(), states_.empty() ? nullptr : states_.data()}; }
    std::uint64_t bytes() const { return pages_.size() * layout_->page_bytes + (state_ != nullptr ? layout_->state_bytes : 0); }
    const KvLayout& layout() const { return *layout_; }
    static std::uint64_t bytes_for(const KvLayout& layout, std::size_t tokens) {
        return (tokens + kSpan - 1) / kSpan * layout.page_bytes + layout.state_bytes;
    }

private:
    static constexpr std::size_t kNowhere = SIZE_MAX;

    std::shared_ptr<const KvLayout> layout_;
    std::shared_ptr<Memory> memory_;
    std::vector<std::shared_ptr<Buffer>> pages_;
    std::vector<std::byte*> pointers_;  // of pages_
    std::shared_ptr<Buffer> state_;     // of all layers; null: none yet
    std::size_t state_position_ = 0;    // tokens that state_ has seen
    std::vector<float*> states_;        // [layers], in state_
};

}  // namespace hearth
