// A wish to stop that work in progress looks at: asked for from any thread, by the clock, or by a host that is asked from
// time to time. Once it is there it stays.
// Thread class: request() and requested() from any thread, the rest before the work begins.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

namespace hearth {

// Thrown where work is to stop, by Executor::run and stop_point(). Beside std::bad_alloc the one exception of this library;
// whoever attaches a Stop catches it.
struct Stopped {};

class Stop {
public:
    using Clock = std::chrono::steady_clock;

    Stop() = default;
    Stop(const Stop&) = delete;
    Stop& operator=(const Stop&) = delete;

    void request() { requested_.store(true, std::memory_order_relaxed); }
    // No later than that.
    void at(Clock::time_point deadline) { deadline_ = deadline; }
    // Asked by ask(), at most every kAskEvery: true means to stop.
    void ask_host(bool (*wants)(void*), void* user) {
        wants_ = wants;
        user_ = user;
    }

    bool requested() const {
        if (requested_.load(std::memory_order_relaxed)) return true;
        if (deadline_ == Clock::time_point::max() || Clock::now() < deadline_) return false;
        requested_.store(true, std::memory_order_relaxed);
        return true;
    }
    // For the thread that began the work, where the host is to be asked as well.
    bool ask() const {
        if (wants_ == nullptr || requested_.load(std::memory_order_relaxed)) return requested();
        const auto now = Clock::now();
        if (now >= next_) {
            next_ = now + kAskEvery;
            if (wants_(user_)) requested_.store(true, std::memory_order_relaxed);
        }
        return requested();
    }

private:
    static constexpr std::chrono::milliseconds kAskEvery{5};
    mutable std::atomic<bool> requested_{false};
    Clock::time_point deadline_ = Clock::time_point::max();
    bool (*wants_)(void*) = nullptr;
    void* user_ = nullptr;
    mutable Clock::time_point next_{};
};

// For loops that are far below those who know of `stop` (null: nobody does): throws Stopped, now and then, where the work is
// to end. Only in the thread that began it.
inline void stop_point(const Stop* stop, std::size_t i) {
    if (stop != nullptr && i % 2048 == 0 && stop->ask()) throw Stopped();
}

}  // namespace hearth
