#include "hearth/runtime/kv_cache.hpp"

#include <algorithm>
#include <cstring>

namespace hearth {

Status KvCache::prepare(std::size_t first, std::size_t end) {
    const std::size_t wanted = (end + kSpan - 1) / kSpan;
    std::vector<std::pair<std::size_t, std::shared_ptr<Buffer>>> fresh;
    for (std::size_t page = first / kSpan; page < wanted; ++page) {
        const bool there = page < pages_.size();
        if (there && pages_[page].use_count() == 1) continue;
        HEARTH_ASSIGN(Buffer buffer, Buffer::make(memory_, layout_->page_bytes, "a page of the key-value cache"));
        if (there) std::memcpy(buffer.data(), pages_[page]->data(), layout_->page_bytes);
        fresh.emplace_back(page, std::make_shared<Buffer>(std::move(buffer)));
    }
    // Both have their room before either grows: where memory ends, nothing has changed.
    const std::size_t size = std::max(wanted, pages_.size());
    pages_.reserve(size);
    pointers_.reserve(size);
    pages_.resize(size);
    pointers_.resize(size);
    for (auto& [page, buffer] : fresh) {
        pages_[page] = std::move(buffer);
        pointers_[page] = pages_[page]->data();
    }
    return {};
}

void KvCache::truncate(std::size_t length) {
    const std::size_t keep = (length + kSpan - 1) / kSpan;
    if (keep >= pages_.size()) return;
    pages_.resize(keep);
    pointers_.resize(keep);
}

}  // namespace hearth
