// Memory that a model keeps as long as it lives: places in one block of huge pages, all given back together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/base/memory.hpp"

namespace hearth {

// Thread class: one thread at a time; the places it gave belong to whoever took them.
class Arena {
public:
    static constexpr std::size_t kAlignment = 64;
    // What a place of `bytes` takes of a reservation.
    static constexpr std::uint64_t place_bytes(std::uint64_t bytes) {
        return (bytes + kAlignment - 1) / kAlignment * kAlignment;
    }

    explicit Arena(std::shared_ptr<Memory> memory) : memory_(std::move(memory)) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() { memory_->budget.give(charged_); }

    // Room for places of `bytes` in sum. Its pages cost nothing until they are written.
    Status reserve(std::uint64_t bytes, std::string_view what);
    // A place aligned to 64 bytes, of unspecified content: from the reservation, or, where that is used up, a block of
    // its own.
    Result<std::span<std::byte>> take(std::uint64_t bytes, std::string_view what);
    // Counts memory that the owner uses elsewhere (a mapped file) against the budget, as long as the arena lives.
    Status charge(std::uint64_t bytes, std::string_view what);

private:
    std::shared_ptr<Memory> memory_;
    std::vector<Buffer> blocks_;  // the reservation is the last that reserve made
    std::span<std::byte> left_;   // of the reservation
    std::uint64_t charged_ = 0;
};

}  // namespace hearth
