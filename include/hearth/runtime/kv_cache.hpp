// Keys and values of one sequence, in pages of kSpan tokens. Forks share pages until one of them writes (copy on write).
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
        : layout_(std::move(layout)), memory_(std::move(memory)) {}

    // Makes positions [first, end) writable: allocates missing pages, copies shared ones. Fails without change.
    Status prepare(std::size_t first, std::size_t end);
    // Forgets positions from `length` on.
    void truncate(std::size_t length);
    KvView view() const { return {layout_.get(), pointers_.data()}; }
    std::uint64_t bytes() const { return pages_.size() * layout_->page_bytes; }
    const KvLayout& layout() const { return *layout_; }
    static std::uint64_t bytes_for(const KvLayout& layout, std::size_t tokens) {
        return (tokens + kSpan - 1) / kSpan * layout.page_bytes;
    }

private:
    std::shared_ptr<const KvLayout> layout_;
    std::shared_ptr<Memory> memory_;
    std::vector<std::shared_ptr<Buffer>> pages_;
    std::vector<std::byte*> pointers_;  // of pages_
};

}  // namespace hearth
