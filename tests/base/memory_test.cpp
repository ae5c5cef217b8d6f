#include "hearth/base/memory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

using namespace hearth;

namespace {

struct HostHeap {
    std::size_t live = 0, calls = 0, largest = 0;
    bool refuse = false;
    Allocator allocator() { return {&HostHeap::allocate, &HostHeap::release, this}; }

    static void* allocate(std::size_t bytes, std::size_t alignment, void* user) {
        auto& self = *static_cast<HostHeap*>(user);
        ++self.calls;
        if (self.refuse) return nullptr;
        void* block = std::aligned_alloc(alignment, bytes);
        std::memset(block, 0xcd, bytes);
        self.live += bytes;
        self.largest = std::max(self.largest, bytes);
        return block;
    }
    static void release(void* block, std::size_t bytes, void* user) {
        static_cast<HostHeap*>(user)->live -= bytes;
        std::free(block);
    }
};

bool zeroed_and_aligned(const Buffer& b) {
    if (reinterpret_cast<std::uintptr_t>(b.data()) % 64 != 0) return false;
    for (std::size_t i = 0; i < b.size(); ++i)
        if (b.data()[i] != std::byte{0}) return false;
    return true;
}

constexpr std::size_t kMiB = std::size_t{1} << 20;

}  // namespace

TEST_CASE("memory: buffers of all sizes are zeroed, aligned, writable to the last byte and given back") {
    auto memory = std::make_shared<Memory>();
    for (std::size_t bytes : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, kMiB, 2 * kMiB - 1,
                              2 * kMiB, 2 * kMiB + 1, 9 * kMiB + 12345}) {
        CAPTURE(bytes);
        {
            auto b = Buffer::make(memory, bytes, "a test");
            REQUIRE(b.ok());
            CHECK(b->size() == bytes);
            CHECK(zeroed_and_aligned(*b));
            std::memset(b->data(), 0xff, bytes);
            CHECK(memory->budget.used() == bytes);
        }
        CHECK(memory->budget.used() == 0);
    }
}

TEST_CASE("memory: an empty buffer takes nothing") {
    auto memory = std::make_shared<Memory>(Allocator{}, 1);
    auto b = Buffer::make(memory, 0, "nothing");
    REQUIRE(b.ok());
    CHECK(b->data() == nullptr);
    CHECK(b->size() == 0);
    CHECK(b->bytes().empty());
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("memory: the budget refuses with the figures and stays as it was") {
    auto memory = std::make_shared<Memory>(Allocator{}, 1000);
    auto first = Buffer::make(memory, 600, "the first");
    REQUIRE(first.ok());
    auto second = Buffer::make(memory, 401, "the second");
    REQUIRE(!second.ok());
    CHECK(second.status().code() == Code::over_budget);
    for (const char* part : {"the second", "401", "1000", "600"})
        CHECK(second.status().message().find(part) != std::string::npos);
    CHECK(memory->budget.used() == 600);
    CHECK(Buffer::make(memory, 400, "the rest").ok());
    CHECK(memory->budget.check(400, "x").ok());
    CHECK(!memory->budget.check(401, "x").ok());
    CHECK(memory->budget.used() == 600);
    CHECK(!memory->budget.take(~std::uint64_t{0}, "everything").ok());
    CHECK(memory->budget.used() == 600);
}

TEST_CASE("memory: without a limit sizes beyond the address space are refused, not wrapped") {
    auto memory = std::make_shared<Memory>();
    for (std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} - 63, std::size_t{1} << 62}) {
        auto b = Buffer::make(memory, bytes, "too much");
        REQUIRE(!b.ok());
        CHECK(b.status().code() == Code::out_of_memory);
        CHECK(b.status().message().find("too much") != std::string::npos);
        CHECK(memory->budget.used() == 0);
    }
}

TEST_CASE("memory: the host's allocator is used for every size, and its blocks are zeroed") {
    HostHeap heap;
    {
        auto memory = std::make_shared<Memory>(heap.allocator(), 0);
        auto small = Buffer::make(memory, 100, "small");
        auto large = Buffer::make(memory, 5 * kMiB + 1, "large");
        REQUIRE(small.ok());
        REQUIRE(large.ok());
        CHECK(zeroed_and_aligned(*small));
        CHECK(zeroed_and_aligned(*large));
        CHECK(heap.calls == 2);
        CHECK(heap.live >= 100 + 5 * kMiB + 1);
    }
    CHECK(heap.live == 0);
}

TEST_CASE("memory: a host that refuses gives an error, and nothing stays counted") {
    HostHeap heap;
    heap.refuse = true;
    auto memory = std::make_shared<Memory>(heap.allocator(), 1000);
    auto b = Buffer::make(memory, 100, "a cache");
    REQUIRE(!b.ok());
    CHECK(b.status().code() == Code::out_of_memory);
    CHECK(b.status().message().find("a cache") != std::string::npos);
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("memory: moving hands the block over, assignment gives the old one back") {
    HostHeap heap;
    auto memory = std::make_shared<Memory>(heap.allocator(), 0);
    auto a = std::move(*Buffer::make(memory, 100, "a"));
    auto* data = a.data();
    Buffer b = std::move(a);
    CHECK(b.data() == data);
    CHECK(a.data() == nullptr);  // NOLINT(bugprone-use-after-move): that is what is tested
    CHECK(a.size() == 0);
    b = std::move(*Buffer::make(memory, 5000, "b"));
    CHECK(memory->budget.used() == 5000);
    CHECK(heap.live < 5000 + 64);
    Buffer& self = b;
    b = std::move(self);
    CHECK(b.size() == 5000);
    b = Buffer();
    CHECK(heap.live == 0);
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("memory: a buffer keeps its memory alive") {
    HostHeap heap;
    Buffer b;
    {
        auto memory = std::make_shared<Memory>(heap.allocator(), 0);
        b = std::move(*Buffer::make(memory, 100, "a"));
    }
    CHECK(heap.live != 0);
    b = Buffer();
    CHECK(heap.live == 0);
}

TEST_CASE("memory: the budget holds when threads take and give at once") {
    constexpr std::uint64_t kLimit = 100;
    Budget budget(kLimit);
    std::atomic<std::uint64_t> granted{0}, above{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; ++i) {
                if (!budget.take(30, "x").ok()) continue;
                ++granted;
                if (budget.used() > kLimit) ++above;
                budget.give(30);
            }
        });
    for (auto& t : threads) t.join();
    CHECK(granted > 0);
    CHECK(above == 0);
    CHECK(budget.used() == 0);
}
