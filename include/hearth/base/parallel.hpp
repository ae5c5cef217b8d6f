// Work on several threads. Splitting never decides a sum: bodies write disjoint outputs, so any number of
// workers gives the same bits (ARITHMETIC.md, rule 1).
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/base/stop.hpp"

namespace hearth {

// A borrowed callable of (begin, end, worker): no allocation, valid during the call it is passed to.
class ChunkBody {
public:
    // Not for ChunkBody itself: a copy must refer to the callable, not to the copied object.
    template <class F>
    requires(!std::same_as<F, ChunkBody>) ChunkBody(F& f)  // NOLINT(google-explicit-constructor)
        : object_(const_cast<void*>(static_cast<const void*>(&f))),
          call_([](void* o, std::size_t begin, std::size_t end, std::size_t worker) { (*static_cast<F*>(o))(begin, end, worker); }) {}
    void operator()(std::size_t begin, std::size_t end, std::size_t worker) const { call_(object_, begin, end, worker); }

private:
    void* object_;
    void (*call_)(void*, std::size_t, std::size_t, std::size_t);
};

// The host's own thread pool: must call task(data, worker) for some or all workers 1 … workers-1, each at most once,
// on any threads, and return only when those calls have ended. The caller does not rely on concurrency:
// calling none of them is allowed and merely slow.
struct HostRunner {
    void (*run)(void (*task)(void* data, std::size_t worker), void* data, std::size_t workers, void* user) = nullptr;
    void* user = nullptr;
};

// Thread class: one run at a time for each Executor; create one per concurrent caller or serialise.
class Executor {
public:
    virtual ~Executor() = default;
    virtual std::size_t workers() const = 0;
    // Calls body(begin, end, worker) for neighbouring chunks, every chunk of [0, chunks) in one call, worker in
    // [0, workers()); returns when all ended. A worker's calls grow shorter as its chunks run out. Worker 0 is the caller.
    // Bodies must not throw and must not call run.
    void run(std::size_t chunks, ChunkBody body);

    // While it lives, runs look at `stop` (null: they do not) and throw Stopped, in the thread that called run and after all
    // of the run's work has ended: what it was to write is not there. With `finely` they look at it while they
    // work, too, about kLooks times: for runs that take long.
    class Watch {
    public:
        Watch(Executor& executor, const Stop* stop, bool finely)
            : executor_(executor), stop_(executor.stop_), finely_(executor.finely_) {
            executor.stop_ = stop;
            executor.finely_ = finely;
        }
        ~Watch() {
            executor_.stop_ = stop_;
            executor_.finely_ = finely_;
        }
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

    private:
        Executor& executor_;
        const Stop* stop_;
        bool finely_;
    };
    static constexpr std::size_t kLooks = 32;  // of each worker

protected:
    virtual void run_all(std::size_t chunks, ChunkBody body) = 0;

private:
    const Stop* stop_ = nullptr;
    bool finely_ = false;
};

// threads = 0 means the number of cores this process may use. Runs on oneTBB, or on the host's runner. On oneTBB no more
// than `cores` threads start (0: available_cores()): a phase would wait for each that has lost its core. Helpers stay
// for 50 microseconds after a run, spinning, and then give their threads back.
Result<std::unique_ptr<Executor>> make_executor(std::size_t threads, HostRunner host = {}, std::size_t cores = 0);
std::size_t available_cores();

// What several workers of a phase complete together, so that whoever does goes on with it and no phase must follow. Counts
// begin at 0 and are 0 again when they are complete.
class Tally {
public:
    explicit Tally(std::size_t counts = 0) : counts_(counts) {}
    // Adds to count i, of `all` in the end. True for the one call that completes it, which sees what was written before
    // every other.
    bool add(std::size_t i, std::size_t amount, std::size_t all) {
        const auto part = static_cast<std::uint32_t>(amount);
        if (counts_[i].fetch_add(part, std::memory_order_acq_rel) + part != all) return false;
        counts_[i].store(0, std::memory_order_relaxed);
        return true;
    }

private:
    std::vector<std::atomic<std::uint32_t>> counts_;
};

// parallel_for(executor, n, f): f(index, worker). parallel_ranges(executor, n, f): f(begin, end, worker).
template <class F>
void parallel_ranges(Executor& executor, std::size_t chunks, F&& body) {
    executor.run(chunks, ChunkBody(body));
}
template <class F>
void parallel_for(Executor& executor, std::size_t chunks, F&& body) {
    parallel_ranges(executor, chunks, [&](std::size_t begin, std::size_t end, std::size_t worker) {
        for (std::size_t i = begin; i < end; ++i) body(i, worker);
    });
}

}  // namespace hearth
