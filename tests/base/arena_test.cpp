#include "hearth/base/arena.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

using namespace hearth;

TEST_CASE("arena: places are aligned, disjoint and within the reservation, which the budget counts once") {
    const auto memory = std::make_shared<Memory>();
    {
        Arena arena(memory);
        const std::uint64_t sizes[] = {1, 64, 65, 4096, 3 << 20, 7};
        std::uint64_t sum = 0;
        for (const std::uint64_t n : sizes) sum += Arena::place_bytes(n);
        REQUIRE(arena.reserve(sum, "weights").ok());
        CHECK(memory->budget.used() == sum);
        std::vector<std::span<std::byte>> places;
        for (const std::uint64_t n : sizes) {
            auto place = arena.take(n, "a tensor");
            REQUIRE(place.ok());
            CHECK(place->size() == n);
            CHECK(reinterpret_cast<std::uintptr_t>(place->data()) % 64 == 0);
            std::memset(place->data(), static_cast<int>(places.size() + 1), place->size());
            places.push_back(*place);
        }
        CHECK(memory->budget.used() == sum);
        for (std::size_t i = 0; i < places.size(); ++i)
            for (const std::byte b : places[i]) REQUIRE(b == static_cast<std::byte>(i + 1));
        // What the reservation has no room for gets a block of its own.
        auto more = arena.take(100, "one more");
        REQUIRE(more.ok());
        CHECK(memory->budget.used() == sum + 100);
    }
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("arena: the budget refuses reservations, places and charges with their names, and gets everything back") {
    const auto memory = std::make_shared<Memory>(Allocator{}, 1000);
    {
        Arena arena(memory);
        const Status refused = arena.reserve(1001, "the weights of x");
        CHECK(refused.code() == Code::over_budget);
        CHECK(refused.message().find("the weights of x needs 1001 bytes") != std::string::npos);
        CHECK(arena.charge(600, "a mapping").ok());
        CHECK(memory->budget.used() == 600);
        CHECK(arena.charge(401, "another").code() == Code::over_budget);
        auto place = arena.take(401, "tensor 'w'");
        REQUIRE(!place.ok());
        CHECK(place.status().message().find("tensor 'w'") != std::string::npos);
        CHECK(arena.take(400, "tensor 'w'").ok());
        CHECK(memory->budget.used() == 1000);
    }
    CHECK(memory->budget.used() == 0);
}

TEST_CASE("arena: sizes beyond any memory are refused") {
    Arena arena(std::make_shared<Memory>());
    CHECK(!arena.reserve(UINT64_MAX, "x").ok());
    CHECK(!arena.take(UINT64_MAX, "x").ok());
    CHECK(!arena.take(UINT64_MAX - 62, "x").ok());
}
