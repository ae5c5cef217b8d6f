#include "hearth/base/parallel.hpp"

#if defined(__linux__)
#include <sched.h>
#endif
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

constexpr std::size_t kMaxWorkers = 1024;

// ThreadSanitizer does not see the synchronisation inside oneTBB's library, so this file is compiled without it
// (src/CMakeLists.txt) and states the order that a run guarantees: caller before helpers, helpers before the return.
#ifdef HEARTH_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
void order_after(void* ticket) { __tsan_acquire(ticket); }
void order_before(void* ticket) { __tsan_release(ticket); }
#else
void order_after(void*) {}
void order_before(void*) {}
#endif

// Chunks are handed out by a ticket counter: the caller takes part, so a run ends even if no helper ever comes.
struct Ticket {
    std::atomic<std::size_t> next{0};
    std::size_t chunks;
    std::size_t helpers;  // workers that may take part, the caller included
    ChunkBody body;

    Ticket(std::size_t n, std::size_t workers, ChunkBody b) : chunks(n), helpers(std::min(workers, n)), body(b) {}
    // For a thread other than the caller's.
    void help(std::size_t worker) {
        order_after(this);
        work(worker);
        order_before(this);
    }
    void work(std::size_t worker) {
        for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < chunks;
             i = next.fetch_add(1, std::memory_order_relaxed))
            body(i, worker);
    }
};

class SerialExecutor final : public Executor {
public:
    std::size_t workers() const override { return 1; }
    void run(std::size_t chunks, ChunkBody body) override {
        for (std::size_t i = 0; i < chunks; ++i) body(i, 0);
    }
};

class TbbExecutor final : public Executor {
public:
    explicit TbbExecutor(std::size_t workers) : workers_(workers), arena_(static_cast<int>(workers)) {
        // oneTBB starts one thread per core; more workers than that (tests ask for them) need leave. The leave counts
        // for the whole process and the smallest one wins, so it is not asked for where it would only take threads
        // away from the host.
        if (workers > static_cast<std::size_t>(tbb::info::default_concurrency()))
            control_.emplace(tbb::global_control::max_allowed_parallelism, workers);
    }

    std::size_t workers() const override { return workers_; }

    void run(std::size_t chunks, ChunkBody body) override {
        if (chunks <= 1) {
            for (std::size_t i = 0; i < chunks; ++i) body(i, 0);
            return;
        }
        Ticket ticket(chunks, workers_, body);
        order_before(&ticket);
        arena_.execute([&] {
            tbb::task_group group;
            for (std::size_t w = 1; w < ticket.helpers; ++w) group.run([&ticket, w] { ticket.help(w); });
            ticket.work(0);
            group.wait();
        });
        order_after(&ticket);
    }

private:
    std::size_t workers_;
    std::optional<tbb::global_control> control_;
    tbb::task_arena arena_;
};

class HostExecutor final : public Executor {
public:
    HostExecutor(std::size_t workers, HostRunner host) : workers_(workers), host_(host) {}
    std::size_t workers() const override { return workers_; }

    void run(std::size_t chunks, ChunkBody body) override {
        Ticket ticket(chunks, workers_, body);
        order_before(&ticket);
        if (ticket.helpers > 1) host_.run(&HostExecutor::task, &ticket, ticket.helpers, host_.user);
        order_after(&ticket);
        ticket.work(0);  // whatever the host left; its calls have ended
    }

private:
    static void task(void* data, std::size_t worker) {
        auto& ticket = *static_cast<Ticket*>(data);
        // Per-worker memory has workers() places: a host that counts differently gets no work, not a crash.
        if (worker >= 1 && worker < ticket.helpers) ticket.help(worker);
    }

    std::size_t workers_;
    HostRunner host_;
};

}  // namespace

std::size_t available_cores() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int n = CPU_COUNT(&set);
        if (n > 0) return static_cast<std::size_t>(n);
    }
#endif
    const unsigned n = std::thread::hardware_concurrency();
    return n != 0 ? n : 1;
}

Result<std::unique_ptr<Executor>> make_executor(std::size_t threads, HostRunner host) {
    if (threads > kMaxWorkers)
        return Status(Code::invalid_argument, cat("threads is ", threads, ", expected at most ", kMaxWorkers));
    if (threads == 0) threads = available_cores();
    if (threads == 1) return std::unique_ptr<Executor>(new SerialExecutor());
    if (host.run != nullptr) return std::unique_ptr<Executor>(new HostExecutor(threads, host));
    return std::unique_ptr<Executor>(new TbbExecutor(threads));
}

}  // namespace hearth
