#include "hearth/base/turnstile.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hearth::test {

TEST_CASE("turnstile: is held by one at a time, in the order of asking") {
    Turnstile turnstile;
    std::vector<int> order;
    std::vector<std::thread> threads;
    std::atomic<int> asking{0};
    {
        const auto turn = turnstile.enter();
        REQUIRE(turn);
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                ++asking;
                const auto mine = turnstile.enter();
                order.push_back(i);
            });
            // The next asks when this one is waiting: there is no other sign of it than time.
            while (asking != i + 1) std::this_thread::yield();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        CHECK(order.empty());
    }
    for (auto& t : threads) t.join();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
    CHECK(turnstile.enter());
}

TEST_CASE("turnstile: who gives up waiting leaves the others their places") {
    Turnstile turnstile;
    Stop stop;
    std::atomic<bool> came{false}, gave_up{false}, later{false};
    std::thread first, second;
    {
        const auto turn = turnstile.enter();
        first = std::thread([&] {
            const auto mine = turnstile.enter(&stop);
            came = static_cast<bool>(mine);
            gave_up = true;
        });
        second = std::thread([&] { later = static_cast<bool>(turnstile.enter()); });
        stop.request();
        while (!gave_up) std::this_thread::yield();
        CHECK_FALSE(came);
        CHECK_FALSE(later);
    }
    first.join();
    second.join();
    CHECK(later);
    stop.request();
    CHECK(turnstile.enter(&stop));  // nobody holds it: nothing to wait for
}

TEST_CASE("turnstile: a deadline ends the waiting") {
    Turnstile turnstile;
    const auto turn = turnstile.enter();
    Stop stop;
    stop.at(Stop::Clock::now() + std::chrono::milliseconds(5));
    std::thread([&] { CHECK_FALSE(turnstile.enter(&stop)); }).join();
}

}  // namespace hearth::test
