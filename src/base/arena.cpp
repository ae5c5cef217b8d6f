#include "hearth/base/arena.hpp"

namespace hearth {

Status Arena::reserve(std::uint64_t bytes, std::string_view what) {
    HEARTH_ASSIGN(Buffer block, Buffer::make(memory_, bytes, what, Buffer::Content::unspecified));
    left_ = block.bytes();
    blocks_.push_back(std::move(block));
    return {};
}

Result<std::span<std::byte>> Arena::take(std::uint64_t bytes, std::string_view what) {
    const std::uint64_t rounded = place_bytes(bytes);
    if (rounded < bytes || rounded > left_.size()) {
        HEARTH_ASSIGN(Buffer block, Buffer::make(memory_, bytes, what, Buffer::Content::unspecified));
        const std::span<std::byte> place = block.bytes();
        blocks_.push_back(std::move(block));
        return place;
    }
    const auto place = left_.first(static_cast<std::size_t>(bytes));
    left_ = left_.subspan(static_cast<std::size_t>(rounded));
    return place;
}

Status Arena::charge(std::uint64_t bytes, std::string_view what) {
    HEARTH_TRY(memory_->take(bytes, what));
    charged_ += bytes;
    return {};
}

}  // namespace hearth
