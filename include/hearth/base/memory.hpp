// Large memory: the host's allocator, a budget, and buffers that hold weights, caches and scratch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth {

// The host's functions for large blocks; null functions mean the system's. Both may be called from any thread.
struct Allocator {
    void* (*allocate)(std::size_t bytes, std::size_t alignment, void* user) = nullptr;
    void (*release)(void* block, std::size_t bytes, void* user) = nullptr;
    void* user = nullptr;
};

// Counts bytes against a limit. Shareable; every operation is atomic.
class Budget {
public:
    explicit Budget(std::uint64_t limit = 0) : limit_(limit) {}  // 0: no limit
    // Refuses with the figures when `bytes` for `what` would pass the limit.
    Status take(std::uint64_t bytes, std::string_view what);
    void give(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    // The same question without taking.
    Status check(std::uint64_t bytes, std::string_view what) const;
    std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
    std::uint64_t limit() const { return limit_; }

private:
    std::uint64_t limit_;
    std::atomic<std::uint64_t> used_{0};
};

// Bytes that this process could take of the machine's memory now, limits of control groups included; UINT64_MAX where
// the system does not tell.
std::uint64_t available_memory();

// Whoever holds memory that it can do without. Both are called from any thread, and must not allocate.
class SpareMemory {
public:
    virtual std::uint64_t spare() const = 0;
    // Gives back at least so many bytes, or all that it can; returns what it gave.
    virtual std::uint64_t give_up(std::uint64_t bytes) = 0;

protected:
    ~SpareMemory() = default;
};

// What every allocation of a runtime goes through; outlives all its buffers (shared ownership).
struct Memory {
    Allocator allocator;
    Budget budget;
    std::uint64_t (*available)() = available_memory;
    Memory() = default;
    Memory(Allocator a, std::uint64_t limit) : allocator(a), budget(limit) {}

    // What may still be taken: the rest of the budget, or without one what the machine has, and what is spare. A host that
    // brings its own allocator knows better than the machine's figures.
    std::uint64_t left() const;
    // Refuses with both figures when `bytes` for `what` are more than that.
    Status check(std::uint64_t bytes, std::string_view what) const;
    // Of the budget; what is spare goes before it refuses.
    Status take(std::uint64_t bytes, std::string_view what);

    // What is spare is asked for before anything is refused; until removed.
    void add(SpareMemory* holder);
    void remove(SpareMemory* holder);
    // False where nothing was spare.
    bool give_up(std::uint64_t bytes);

private:
    mutable std::mutex mutex_;  // of holders_, held while they give up
    std::vector<SpareMemory*> holders_;
};

// A block of memory, aligned to 64 bytes, in huge pages where it is large and the system has them.
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer tmp(std::move(other));
        swap(tmp);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer();

    enum class Content : int { zero, unspecified };
    static Result<Buffer> make(std::shared_ptr<Memory> memory, std::size_t bytes, std::string_view what,
                               Content content = Content::zero);

    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    template <class T>
    T* as() { return reinterpret_cast<T*>(data_); }
    template <class T>
    const T* as() const { return reinterpret_cast<const T*>(data_); }
    std::span<std::byte> bytes() { return {data_, size_}; }

private:
    static Result<Buffer> attempt(const std::shared_ptr<Memory>& memory, std::size_t bytes, std::string_view what,
                                  Content content);
    void swap(Buffer& o) noexcept {
        std::swap(memory_, o.memory_);
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        std::swap(mapped_, o.mapped_);
    }
    std::shared_ptr<Memory> memory_;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t mapped_ = 0;  // bytes obtained from mmap, 0 when the allocator gave the block
};

}  // namespace hearth
