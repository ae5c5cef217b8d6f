// Pages of a conversation's cache: shared by forks until one writes, unchanged where memory ends.
#include "hearth/runtime/kv_cache.hpp"

#include <cstring>

#include <doctest/doctest.h>

namespace hearth::test {
namespace {

struct Fixture {
    std::shared_ptr<const KvLayout> layout;
    std::shared_ptr<Memory> memory;

    explicit Fixture(std::uint64_t pages_of_budget = 0) {
        const KvShape shape{1, 16, 16};
        layout = std::make_shared<const KvLayout>(KvLayout::make(KvType::f16, std::span(&shape, 1)));
        memory = std::make_shared<Memory>(Allocator{}, pages_of_budget * layout->page_bytes);
    }
    KvCache cache() const { return {layout, memory}; }
    std::uint64_t pages() const { return memory->budget.used() / layout->page_bytes; }
    void fill(const KvCache& c, std::size_t page, int byte) const {
        std::memset(c.view().pages[page], byte, layout->page_bytes);
    }
    int first(const KvCache& c, std::size_t page) const { return static_cast<int>(c.view().pages[page][0]); }
};

}  // namespace

TEST_CASE("kv cache: pages come as positions are prepared and go as they are cut off") {
    const Fixture f;
    KvCache c = f.cache();
    CHECK(c.bytes() == 0);
    for (const auto& [end, pages] :
         {std::pair<std::size_t, std::size_t>{0, 0}, {1, 1}, {255, 1}, {256, 1}, {257, 2}, {1024, 4}, {3, 4}}) {
        REQUIRE(c.prepare(0, end).ok());
        CHECK(f.pages() == pages);
        CHECK(c.bytes() == pages * f.layout->page_bytes);
    }
    for (const auto& [length, pages] :
         {std::pair<std::size_t, std::size_t>{2000, 4}, {769, 4}, {768, 3}, {257, 2}, {256, 1}, {1, 1}, {0, 0}}) {
        c.rewind(length);
        CHECK(f.pages() == pages);
    }
    CHECK(KvCache::bytes_for(*f.layout, 257, 512) == 2 * f.layout->page_bytes);
}

TEST_CASE("kv cache: forks share pages until one writes, and keep what they had") {
    const Fixture f;
    KvCache a = f.cache();
    REQUIRE(a.prepare(0, 600).ok());
    for (std::size_t p = 0; p < 3; ++p) f.fill(a, p, static_cast<int>(p) + 1);
    KvCache b = a;
    CHECK(f.pages() == 3);
    REQUIRE(b.prepare(600, 601).ok());  // the page being written only
    CHECK(f.pages() == 4);
    CHECK(b.view().pages[0] == a.view().pages[0]);
    CHECK(b.view().pages[1] == a.view().pages[1]);
    CHECK(b.view().pages[2] != a.view().pages[2]);
    CHECK(f.first(b, 2) == 3);
    f.fill(b, 2, 77);
    CHECK(f.first(a, 2) == 3);
    // The other is alone with its page now: nothing is copied.
    const std::byte* own = a.view().pages[2];
    REQUIRE(a.prepare(590, 600).ok());
    CHECK(a.view().pages[2] == own);
    CHECK(f.pages() == 4);
    // Cutting back and writing an earlier, shared page copies that one.
    a.rewind(300);
    REQUIRE(a.prepare(300, 301).ok());
    f.fill(a, 1, 99);
    CHECK(f.first(b, 1) == 2);
    {
        KvCache third = b;
        b.rewind(0);
        CHECK(f.first(third, 2) == 77);
    }
    a.rewind(0);
    CHECK(f.pages() == 0);
}

TEST_CASE("kv cache: a refusal leaves everything as it was") {
    const Fixture f(4);
    KvCache a = f.cache();
    REQUIRE(a.prepare(0, 512).ok());
    f.fill(a, 0, 1);
    f.fill(a, 1, 2);
    KvCache b = a;
    // Two to copy and one new: there is room for two.
    std::byte* const before[] = {b.view().pages[0], b.view().pages[1]};
    const Status s = b.prepare(0, 513);
    CHECK(s.code() == Code::over_budget);
    CHECK(s.message().find("key-value cache") != std::string::npos);
    CHECK(b.bytes() == 2 * f.layout->page_bytes);
    CHECK(b.view().pages[0] == before[0]);
    CHECK(b.view().pages[1] == before[1]);
    CHECK(f.pages() == 2);
    REQUIRE(b.prepare(0, 512).ok());
    CHECK(f.pages() == 4);
    CHECK(f.first(b, 1) == 2);
    CHECK(b.prepare(512, 513).code() == Code::over_budget);
}

TEST_CASE("kv cache: states begin with zero, stand in one block, are shared by forks and copied by who goes on") {
    const KvShape shapes[] = {{0, 0, 0, 5}, {1, 16, 16}, {0, 0, 0, 40}};
    const auto layout = std::make_shared<const KvLayout>(KvLayout::make(KvType::f16, shapes));
    CHECK(layout->state_bytes == 64 + 192);
    const auto memory = std::make_shared<Memory>();
    KvCache a(layout, memory);
    REQUIRE(a.prepare(0, 3).ok());
    CHECK(a.bytes() == layout->page_bytes + layout->state_bytes);
    CHECK(a.bytes() == KvCache::bytes_for(*layout, 3, 3));
    CHECK(memory->budget.used() == a.bytes());
    float* const* states = a.view().states;
    CHECK(states[1] == nullptr);
    for (std::size_t i = 0; i < 5; ++i) CHECK(states[0][i] == 0);
    for (std::size_t i = 0; i < 40; ++i) CHECK(states[2][i] == 0);
    // What a pass has left half done is not gone on from.
    states[2][39] = 1;
    CHECK(a.reachable(3) == 0);
    CHECK(a.rewind(3) == 0);
    REQUIRE(a.prepare(0, 3).ok());
    CHECK(a.view().states[2][39] == 0);
    a.view().states[2][39] = 3;
    a.done(3);
    CHECK(a.reachable(3) == 3);
    CHECK(a.reachable(2) == 0);
    KvCache b = a;
    CHECK(memory->budget.used() == a.bytes());
    float* const own = a.view().states[2];
    REQUIRE(b.prepare(3, 4).ok());
    CHECK(memory->budget.used() == 2 * a.bytes());
    CHECK(b.view().states[2] != own);
    CHECK(b.view().states[2][39] == 3);
    b.view().states[2][39] = 4;
    b.done(4);
    CHECK(own[39] == 3);
    REQUIRE(a.prepare(3, 4).ok());
    CHECK(a.view().states[2] == own);
    CHECK(b.rewind(3) == 0);
    CHECK(b.bytes() == 0);
}

}  // namespace hearth::test
