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
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

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

// Neighbouring chunks [begin, end) that one worker means to run: taken from the front by their owner, in halves from
// the back by workers that have run out. One word, so that what it says is always whole.
class alignas(64) Range {
public:
    void set(std::size_t begin, std::size_t end) { word_.store(pack(begin, end), std::memory_order_relaxed); }
    bool take_first(std::size_t& chunk) {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        do {
            if (begin_of(word) >= end_of(word)) return false;
        } while (!word_.compare_exchange_weak(word, pack(begin_of(word) + 1, end_of(word)), std::memory_order_relaxed));
        chunk = begin_of(word);
        return true;
    }
    bool take_back_half(std::size_t& begin, std::size_t& end) {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        do {
            if (begin_of(word) >= end_of(word)) return false;
            begin = begin_of(word) + (end_of(word) - begin_of(word)) / 2;
        } while (!word_.compare_exchange_weak(word, pack(begin_of(word), begin), std::memory_order_relaxed));
        end = end_of(word);
        return true;
    }

private:
    static std::uint64_t pack(std::size_t begin, std::size_t end) { return std::uint64_t{begin} << 32 | end; }
    static std::size_t begin_of(std::uint64_t word) { return word >> 32; }
    static std::size_t end_of(std::uint64_t word) { return word & 0xffffffffU; }
    std::atomic<std::uint64_t> word_{0};
};

// One run. Every worker starts on chunks of its own that lie side by side, since weights stream from memory at full
// speed only where each core walks its own stretch, and then helps where chunks are left. The caller takes part, so a
// run ends even if no helper ever comes.
class Ticket {
public:
    // `ranges` has room for each of `workers`; chunks < 2^32.
    Ticket(std::size_t chunks, std::size_t workers, Range* ranges, ChunkBody body)
        : helpers(std::min(workers, chunks)), ranges_(ranges), body_(body) {
        for (std::size_t w = 0; w < helpers; ++w) ranges_[w].set(chunks * w / helpers, chunks * (w + 1) / helpers);
    }
    // For a thread other than the caller's.
    void help(std::size_t worker) {
        order_after(this);
        work(worker);
        order_before(this);
    }
    void work(std::size_t worker) {
        Range& own = ranges_[worker];
        do {
            for (std::size_t chunk; own.take_first(chunk);) body_(chunk, worker);
        } while (refill(worker));
    }

    const std::size_t helpers;  // workers that may take part, the caller included

private:
    bool refill(std::size_t worker) {
        for (std::size_t i = 1, begin, end; i < helpers; ++i) {
            if (!ranges_[(worker + i) % helpers].take_back_half(begin, end)) continue;
            ranges_[worker].set(begin, end);
            return true;
        }
        return false;
    }

    Range* ranges_;
    ChunkBody body_;
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
    explicit TbbExecutor(std::size_t workers) : workers_(workers), ranges_(workers), arena_(static_cast<int>(workers)) {
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
        Ticket ticket(chunks, workers_, ranges_.data(), body);
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
    std::vector<Range> ranges_;  // [workers]
    std::optional<tbb::global_control> control_;
    tbb::task_arena arena_;
};

class HostExecutor final : public Executor {
public:
    HostExecutor(std::size_t workers, HostRunner host) : workers_(workers), ranges_(workers), host_(host) {}
    std::size_t workers() const override { return workers_; }

    void run(std::size_t chunks, ChunkBody body) override {
        Ticket ticket(chunks, workers_, ranges_.data(), body);
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
    std::vector<Range> ranges_;  // [workers]
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
