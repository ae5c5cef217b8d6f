#include "hearth/runtime/kv_cache.hpp"

#include <algorithm>
#include <cstring>

namespace hearth {

std::size_t KvCache::reachable(std::size_t length) const {
    return layout_->state_bytes == 0 || state_position_ == length ? length : 0;
}

std::size_t KvCache::rewind(std::size_t length) {
    length = reachable(length);
    const std::size_t keep = (length + kSpan - 1) / kSpan;
    if (keep < pages_.size()) {
        pages_.resize(keep);
        pointers_.resize(keep);
    }
    if (length == 0) {
        state_.reset();
        state_position_ = 0;
    }
    return length;
}

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
    std::shared_ptr<Buffer> state;
    if (const std::size_t bytes = layout_->state_bytes; bytes != 0 && (state_ == nullptr || state_.use_count() != 1)) {
        HEARTH_ASSIGN(Buffer buffer, Buffer::make(memory_, bytes, "the recurrent states of a sequence"));
        if (state_ != nullptr) std::memcpy(buffer.data(), state_->data(), bytes);
        state = std::make_shared<Buffer>(std::move(buffer));
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
    if (state != nullptr) state_ = std::move(state);
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const KvLayout::Layer& l = layout_->layers[i];
        states_[i] = l.shape.state_floats == 0 ? nullptr : reinterpret_cast<float*>(state_->data() + l.state);
    }
    state_position_ = kNowhere;
    return {};
}

}  // namespace hearth
