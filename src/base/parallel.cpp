#include "hearth/base/parallel.hpp"

#if defined(__linux__)
#include <sched.h>
#endif
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

constexpr std::size_t kMaxWorkers = 1024;

// Chunks are handed out by a ticket counter: the caller takes part, so a run ends even if no helper ever comes.
struct Ticket {
    std::atomic<std::size_t> next{0};
    std::size_t chunks;
    ChunkBody body;

    Ticket(std::size_t n, ChunkBody b) : chunks(n), body(b) {}
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
    explicit TbbExecutor(std::size_t workers)
        : workers_(workers),
          // oneTBB starts one thread per core; asking for more workers than that (tests do) needs leave.
          control_(tbb::global_control::max_allowed_parallelism, workers),
          arena_(static_cast<int>(workers)) {}

    std::size_t workers() const override { return workers_; }

    void run(std::size_t chunks, ChunkBody body) override {
        if (chunks <= 1) {
            for (std::size_t i = 0; i < chunks; ++i) body(i, 0);
            return;
        }
        Ticket ticket(chunks, body);
        const std::size_t helpers = std::min(workers_, chunks);
        arena_.execute([&] {
            tbb::task_group group;
            for (std::size_t w = 1; w < helpers; ++w) group.run([&ticket, w] { ticket.work(w); });
            ticket.work(0);
            group.wait();
        });
    }

private:
    std::size_t workers_;
    tbb::global_control control_;
    tbb::task_arena arena_;
};

class HostExecutor final : public Executor {
public:
    HostExecutor(std::size_t workers, HostRunner host) : workers_(workers), host_(host) {}
    std::size_t workers() const override { return workers_; }

    void run(std::size_t chunks, ChunkBody body) override {
        Ticket ticket(chunks, body);
        const std::size_t helpers = std::min(workers_, chunks);
        if (helpers > 1) {
            host_.run([](void* data, std::size_t worker) { static_cast<Ticket*>(data)->work(worker); }, &ticket, helpers,
                      host_.user);
        }
        ticket.work(0);  // whatever the host left; its calls have ended
    }

private:
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
