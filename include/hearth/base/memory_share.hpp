// The budget's share of what is made of many small allocations.
#pragma once

#include <memory>
#include <string_view>

#include "hearth/base/memory.hpp"

namespace hearth {

// Thread class: one thread at a time.
class MemoryShare {
public:
    explicit MemoryShare(std::shared_ptr<Memory> memory = nullptr) : memory_(std::move(memory)) {}  // null: not counted
    MemoryShare(const MemoryShare&) = delete;
    MemoryShare& operator=(const MemoryShare&) = delete;
    ~MemoryShare() {
        if (memory_ != nullptr) memory_->budget.give(bytes_);
    }

    // To at least so many bytes. Refused, it stays what it was.
    Status grow(std::uint64_t bytes, std::string_view what) {
        constexpr std::uint64_t kStep = std::uint64_t{1} << 16;
        if (memory_ == nullptr || bytes <= bytes_) return {};
        const std::uint64_t more = (bytes - bytes_ + kStep - 1) / kStep * kStep;
        HEARTH_TRY(memory_->take(more, what));
        bytes_ += more;
        return {};
    }
    const std::shared_ptr<Memory>& memory() const { return memory_; }

private:
    std::shared_ptr<Memory> memory_;
    std::uint64_t bytes_ = 0;
};

}  // namespace hearth
