#include "hearth/base/parallel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

using namespace hearth;

namespace {

// Runs `chunks` and counts how often each came, and the calls with a worker number out of bounds or twice at once.
struct Tally {
    std::vector<std::atomic<int>> seen, busy;
    std::atomic<int> wrong_worker{0}, shared_worker{0};
    Tally(std::size_t chunks, std::size_t workers) : seen(chunks), busy(workers) {}

    void operator()(std::size_t chunk, std::size_t worker) {
        if (worker >= busy.size()) {
            ++wrong_worker;
            return;
        }
        if (busy[worker].fetch_add(1) != 0) ++shared_worker;
        ++seen[chunk];
        busy[worker].fetch_sub(1);
    }
    bool exact() const {
        for (const auto& n : seen)
            if (n != 1) return false;
        return wrong_worker == 0 && shared_worker == 0;
    }
};

bool runs_each_chunk_once(Executor& executor, std::size_t chunks) {
    Tally tally(chunks, executor.workers());
    parallel_for(executor, chunks, tally);
    return tally.exact();
}

constexpr std::size_t kSizes[] = {0, 1, 2, 3, 5, 16, 1000, 65535, 65536, 200001};

// Host runners: which of the workers 1 … workers - 1 are called, and where.
enum class Host { none, first, all_here, all_threads, backwards, nonsense };

void host_run(void (*task)(void*, std::size_t), void* data, std::size_t workers, void* user) {
    switch (*static_cast<Host*>(user)) {
        case Host::none:
            break;
        case Host::first:
            task(data, 1);
            break;
        case Host::all_here:
            for (std::size_t w = 1; w < workers; ++w) task(data, w);
            break;
        case Host::backwards:
            for (std::size_t w = workers - 1; w > 0; --w) task(data, w);
            break;
        case Host::all_threads: {
            std::vector<std::thread> threads;
            for (std::size_t w = 1; w < workers; ++w) threads.emplace_back(task, data, w);
            for (auto& t : threads) t.join();
            break;
        }
        case Host::nonsense:  // worker numbers that were not asked for
            task(data, 0);
            task(data, workers);
            task(data, ~std::size_t{0});
            break;
    }
}

}  // namespace

TEST_CASE("parallel: every chunk runs exactly once for 1 to 9 workers") {
    for (std::size_t workers = 1; workers <= 9; ++workers) {
        auto executor = make_executor(workers, {}, workers);
        REQUIRE(executor.ok());
        CHECK((*executor)->workers() == workers);
        for (std::size_t chunks : kSizes) {
            CAPTURE(workers);
            CAPTURE(chunks);
            CHECK(runs_each_chunk_once(**executor, chunks));
        }
    }
}

TEST_CASE("parallel: every chunk runs exactly once whatever the host's runner does") {
    for (Host kind : {Host::none, Host::first, Host::all_here, Host::all_threads, Host::backwards, Host::nonsense}) {
        for (std::size_t workers : {1, 2, 5, 9}) {
            auto executor = make_executor(workers, HostRunner{&host_run, &kind});
            REQUIRE(executor.ok());
            for (std::size_t chunks : kSizes) {
                CAPTURE(static_cast<int>(kind));
                CAPTURE(workers);
                CAPTURE(chunks);
                CHECK(runs_each_chunk_once(**executor, chunks));
            }
        }
    }
}

TEST_CASE("parallel: many short runs follow each other, and each sees what the one before wrote") {
    auto executor = make_executor(3, {}, 3);
    REQUIRE(executor.ok());
    constexpr std::size_t kChunks = 7, kRuns = 5000;
    std::vector<long> values(kChunks, 0);
    bool right = true;
    for (std::size_t run = 0; run < kRuns; ++run) {
        // Each chunk reads its neighbour of the run before: plain memory, so that a missing order shows as a race.
        std::vector<long> next(kChunks);
        parallel_for(**executor, kChunks, [&](std::size_t i, std::size_t) { next[i] = values[(i + 1) % kChunks] + 1; });
        values.swap(next);
        right = right && values[run % kChunks] == static_cast<long>(run + 1);
    }
    CHECK(right);
}

TEST_CASE("parallel: executors of different sizes work side by side") {
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (std::size_t workers : {2, 3, 5}) {
        callers.emplace_back([&wrong, workers] {
            auto executor = make_executor(workers, {}, workers);
            for (int run = 0; run < 200; ++run)
                if (!runs_each_chunk_once(**executor, 20)) ++wrong;
        });
    }
    for (auto& t : callers) t.join();
    CHECK(wrong == 0);
}

TEST_CASE("parallel: several threads are at work when the machine has them") {
    if (available_cores() < 2) return;
    auto executor = make_executor(2);
    REQUIRE(executor.ok());
    // Two chunks that wait for each other: ends only if two threads run at once. A busy machine may take its time.
    bool together = false;
    for (int attempt = 0; attempt < 20 && !together; ++attempt) {
        std::atomic<int> arrived{0};
        std::atomic<int> met{0};
        parallel_for(**executor, 2, [&](std::size_t, std::size_t) {
            ++arrived;
            const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
            while (arrived < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
            if (arrived == 2) ++met;
        });
        together = met == 2;
    }
    CHECK(together);
}

TEST_CASE("parallel: helpers that have left come back, and runs do not wait for them") {
    auto executor = make_executor(4, {}, 4);
    REQUIRE(executor.ok());
    for (int run = 0; run < 300; ++run) {
        CHECK(runs_each_chunk_once(**executor, 1 + static_cast<std::size_t>(run) % 9));
        // Around the time after which helpers leave, so that some runs begin while one is on its way out.
        std::this_thread::sleep_for(std::chrono::microseconds(run % 100));
    }
}

TEST_CASE("parallel: an executor may end while its helpers are still about") {
    for (int i = 0; i < 200; ++i) {
        auto executor = make_executor(3, {}, 3);
        REQUIRE(executor.ok());
        CHECK(runs_each_chunk_once(**executor, 5));
    }
}

TEST_CASE("parallel: no more threads work than there are cores") {
    auto executor = make_executor(8, {}, 2);
    REQUIRE(executor.ok());
    CHECK((*executor)->workers() == 8);
    std::atomic<int> now{0}, most{0};
    for (int run = 0; run < 50; ++run) {
        parallel_for(**executor, 40, [&](std::size_t, std::size_t) {
            const int n = ++now;
            for (int seen = most; n > seen && !most.compare_exchange_weak(seen, n);) {}
            std::this_thread::yield();
            --now;
        });
    }
    CHECK(most <= 2);
}

TEST_CASE("parallel: a worker is given neighbouring chunks, shorter stretches towards the end") {
    for (const std::size_t workers : {1U, 2U, 3U}) {
        auto executor = make_executor(workers, {}, workers);
        REQUIRE(executor.ok());
        std::atomic<std::size_t> calls{0}, longest{0};
        parallel_ranges(**executor, 1000, [&](std::size_t begin, std::size_t end, std::size_t) {
            ++calls;
            for (std::size_t seen = longest; end - begin > seen && !longest.compare_exchange_weak(seen, end - begin);) {}
        });
        CHECK(longest >= 1000 / workers / 4);
        CHECK(calls < 200);
    }
}

TEST_CASE("parallel: 0 threads means the cores of this process, and too many are refused") {
    CHECK(available_cores() >= 1);
    CHECK((*make_executor(0))->workers() == available_cores());
    const auto refused = make_executor(1025);
    REQUIRE(!refused.ok());
    CHECK(refused.status().code() == Code::invalid_argument);
    CHECK(refused.status().message().find("1025") != std::string::npos);
}

TEST_CASE("parallel: a run that is to stop throws Stopped, after the work that had begun") {
    for (const std::size_t workers : {1U, 3U}) {
        auto executor = make_executor(workers, {}, workers);
        REQUIRE(executor.ok());
        constexpr std::size_t kChunks = 10'000;
        for (const bool finely : {false, true}) {
            Stop stop;
            const Executor::Watch watch(**executor, &stop, finely);
            std::vector<std::atomic<int>> done(kChunks);
            std::atomic<std::size_t> all{0};
            std::size_t longest = 0;
            const auto body = [&](std::size_t begin, std::size_t end, std::size_t worker) {
                for (std::size_t i = begin; i < end; ++i) ++done[i];
                if (worker == 0) longest = std::max(longest, end - begin);
                if ((all += end - begin) >= kChunks / 2) stop.request();
            };
            CHECK_THROWS_AS(parallel_ranges(**executor, kChunks, body), Stopped);
            CHECK(std::ranges::all_of(done, [](const auto& n) { return n <= 1; }));
            if (finely) {
                CHECK(all < kChunks);
                CHECK(longest <= kChunks / (Executor::kLooks * workers));
            }
            const std::size_t before = all;
            CHECK_THROWS_AS(parallel_ranges(**executor, 2, body), Stopped);  // it does not begin
            CHECK(all == before);
        }
        // Nobody watches any more.
        std::atomic<std::size_t> count{0};
        parallel_for(**executor, 100, [&](std::size_t, std::size_t) { ++count; });
        CHECK(count == 100);
    }
}

TEST_CASE("parallel: the host is asked by the thread that called, and stops the work") {
    auto executor = make_executor(2, {}, 2);
    REQUIRE(executor.ok());
    struct Host {
        std::thread::id caller = std::this_thread::get_id();
        std::size_t asked = 0;
        bool elsewhere = false;
    } host;
    Stop stop;
    stop.ask_host(
        [](void* user) {
            auto& h = *static_cast<Host*>(user);
            h.elsewhere = h.elsewhere || h.caller != std::this_thread::get_id();
            return ++h.asked == 3;
        },
        &host);
    const Executor::Watch watch(**executor, &stop, true);
    const auto slow = [&](std::size_t, std::size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
    CHECK_THROWS_AS(parallel_for(**executor, 100'000, slow), Stopped);
    CHECK(host.asked == 3);
    CHECK_FALSE(host.elsewhere);
}
