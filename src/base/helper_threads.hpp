// The threads that a Team's helpers run on: oneTBB's (helper_threads_tbb.cpp) or this library's own
// (helper_threads_own.cpp), as the build chose.
#pragma once

#include <cstddef>
#include <memory>

namespace hearth {

// What a thread is to do: call(owner, worker). Whoever runs it owns the owner too.
struct HelperTask {
    std::shared_ptr<void> owner;
    void (*call)(void* owner, std::size_t worker) = nullptr;
    std::size_t worker = 0;
};

class HelperThreads {
public:
    // At most `threads` run at the same time, of which the caller is one. They start when they are needed.
    explicit HelperThreads(std::size_t threads);
    // Tasks that have not begun may be dropped, or run after it.
    ~HelperThreads();
    HelperThreads(const HelperThreads&) = delete;
    HelperThreads& operator=(const HelperThreads&) = delete;

    // Runs it soon, and returns at once; false where there is no memory or no thread for it.
    bool enqueue(HelperTask task) noexcept;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace hearth
