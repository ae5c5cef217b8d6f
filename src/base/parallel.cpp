#include "hearth/base/parallel.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/helper_threads.hpp"
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

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

// Spins for a while; what comes after it is the caller's to decide.
class Patience {
public:
    using Clock = std::chrono::steady_clock;
    explicit Patience(std::chrono::microseconds spin) : end_(Clock::now() + spin) {}
    // False once the time is over.
    bool wait() {
        for (int i = 0; i < 16; ++i) pause();
        return Clock::now() < end_;
    }

private:
    Clock::time_point end_;
};

constexpr std::chrono::microseconds kIdle{50};       // a helper that finds no work for so long leaves
constexpr std::size_t kMaxChunks = 0xffff;           // of a phase

// Neighbouring chunks [begin, end) of phase `phase` that one worker means to run: taken from the front by their owner,
// in halves from the back by workers that have run out. One word, so that what it says is always whole; and with the
// phase's number in it, so that a helper that slept through the end of a phase finds nothing of the next.
class alignas(64) Range {
public:
    void set(std::uint32_t phase, std::size_t begin, std::size_t end) {
        word_.store(pack(phase, begin, end), std::memory_order_release);
    }
    // A quarter of what is left: long stretches while there is much, short ones where others may have to help.
    bool take_front(std::uint32_t phase, std::size_t& begin, std::size_t& end) {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        do {
            if (!any(phase, word)) return false;
            end = begin_of(word) + (end_of(word) - begin_of(word) + 3) / 4;
        } while (!word_.compare_exchange_weak(word, pack(phase, end, end_of(word)), std::memory_order_acquire,
                                              std::memory_order_relaxed));
        begin = begin_of(word);
        return true;
    }
    bool take_back_half(std::uint32_t phase, std::size_t& begin, std::size_t& end) {
        std::uint64_t word = word_.load(std::memory_order_relaxed);
        do {
            if (!any(phase, word)) return false;
            begin = begin_of(word) + (end_of(word) - begin_of(word)) / 2;
        } while (!word_.compare_exchange_weak(word, pack(phase, begin_of(word), begin), std::memory_order_acquire,
                                              std::memory_order_relaxed));
        end = end_of(word);
        return true;
    }

private:
    static std::uint64_t pack(std::uint32_t phase, std::size_t begin, std::size_t end) {
        return std::uint64_t{phase} << 32 | begin << 16 | end;
    }
    static std::size_t begin_of(std::uint64_t word) { return word >> 16 & 0xffff; }
    static std::size_t end_of(std::uint64_t word) { return word & 0xffff; }
    static bool any(std::uint32_t phase, std::uint64_t word) { return word >> 32 == phase && begin_of(word) < end_of(word); }
    std::atomic<std::uint64_t> word_{0};
};

// The chunks of one phase after the other. Every worker starts on chunks of its own that lie side by side, since weights
// stream from memory at full speed only where each core walks its own stretch, and then helps where chunks are left.
// A phase ends when its chunks are done, whoever came: the caller runs what no helper has taken.
class Phases {
public:
    explicit Phases(std::size_t workers) : ranges_(workers) {}

    // The caller's side. `chunks` at most kMaxChunks, for the first `team` workers; `body` lives until finish().
    void begin(std::size_t chunks, std::size_t team, const ChunkBody& body) {
        const std::uint32_t phase = current_.load(std::memory_order_relaxed) + 1;
        order_before(this);
        body_.store(&body, std::memory_order_relaxed);
        left_.store(chunks, std::memory_order_relaxed);
        for (std::size_t w = 0; w < ranges_.size(); ++w) {
            const std::size_t i = std::min(w, team);
            ranges_[w].set(phase, chunks * i / team, chunks * std::min(w + 1, team) / team);
        }
        current_.store(phase);
    }
    void finish() {
        work(0, current());
        Patience patience(kIdle);
        while (left_.load(std::memory_order_acquire) != 0)
            if (!patience.wait()) std::this_thread::yield();  // its worker may be waiting for this core
        order_after(this);
    }

    // Everybody's.
    std::uint32_t current() const { return current_.load(); }
    void work(std::size_t worker, std::uint32_t phase) {
        std::size_t begin = 0, end = 0;
        do {
            std::size_t done = 0;
            for (; ranges_[worker].take_front(phase, begin, end); done += end - begin) {
                if (done == 0) order_after(this);
                // The phase cannot end while its chunks are out, so this is its body.
                (*body_.load(std::memory_order_relaxed))(begin, end, worker);
            }
            if (done == 0) continue;
            order_before(this);
            left_.fetch_sub(done, std::memory_order_release);
        } while (steal(worker, phase, begin, end));
    }

private:
    bool steal(std::size_t worker, std::uint32_t phase, std::size_t& begin, std::size_t& end) {
        for (std::size_t i = 1; i < ranges_.size(); ++i) {
            if (!ranges_[(worker + i) % ranges_.size()].take_back_half(phase, begin, end)) continue;
            ranges_[worker].set(phase, begin, end);
            return true;
        }
        return false;
    }

    std::vector<Range> ranges_;  // [workers]
    std::atomic<const ChunkBody*> body_{nullptr};
    std::atomic<std::size_t> left_{0};
    std::atomic<std::uint32_t> current_{0};
};

// One chunk needs no helpers, and more than a phase can number come in several.
template <class Run>
void for_phases(std::size_t chunks, ChunkBody body, Run&& run) {
    if (chunks == 1) return body(0, 1, 0);
    for (std::size_t first = 0; first < chunks; first += kMaxChunks) {
        auto part = [&](std::size_t begin, std::size_t end, std::size_t worker) { body(first + begin, first + end, worker); };
        run(std::min(kMaxChunks, chunks - first), first == 0 ? body : ChunkBody(part));
    }
}

class SerialExecutor final : public Executor {
public:
    std::size_t workers() const override { return 1; }
    void run_all(std::size_t chunks, ChunkBody body) override {
        if (chunks != 0) body(0, chunks, 0);
    }
};

// Helpers that stay between the phases of a pass and leave when none comes. Owned together with the tasks that are on their
// way to a thread, which may find the executor gone.
class Team : public std::enable_shared_from_this<Team> {
public:
    explicit Team(std::size_t workers) : phases(workers), here_(workers) { order_before(this); }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;
    // By whoever lets go last.
    ~Team() { order_after(this); }

    Phases phases;

    // Sees to it that helpers 1 to count - 1 are here or on their way.
    void call(std::size_t count, HelperThreads& threads) {
        for (std::size_t w = 1; w < count; ++w)
            if (!here_[w].load() && !here_[w].exchange(true) && !threads.enqueue({shared_from_this(), &Team::task, w}))
                here_[w].store(false);  // no memory for a task: the phase goes on without this helper
    }
    // Waits for the helpers to leave, which they do at once; but not for threads that never come.
    void dismiss() {
        over_.store(true);
        for (Patience patience(std::chrono::seconds(1)); std::ranges::any_of(here_, [](const auto& h) { return h.load(); });) {
            if (!patience.wait()) return;
            std::this_thread::yield();
        }
    }

private:
    static void task(void* owner, std::size_t worker) {
        auto& team = *static_cast<Team*>(owner);
        team.help(worker);
        order_before(&team);
    }
    void help(std::size_t worker) {
        std::uint32_t seen = phases.current() - 1;  // the current one is what this helper was called for
        do {
            for (Patience patience(kIdle); !over_.load(std::memory_order_relaxed);) {
                const std::uint32_t phase = phases.current();
                if (phase != seen) {
                    phases.work(worker, seen = phase);
                    patience = Patience(kIdle);
                } else if (!patience.wait()) {
                    break;
                }
            }
            here_[worker].store(false);
            // A phase that began before that relies on this helper.
        } while (!over_.load() && phases.current() != seen && !here_[worker].exchange(true));
    }

    std::vector<std::atomic<bool>> here_;  // [workers]
    std::atomic<bool> over_{false};
};

class TeamExecutor final : public Executor {
public:
    // Threads beyond the cores would only take turns on them, each with a chunk that others wait for: they do not start.
    TeamExecutor(std::size_t workers, std::size_t cores)
        : workers_(workers), threads_(std::min(workers, cores)), team_(std::make_shared<Team>(workers)), helpers_(threads_) {}
    ~TeamExecutor() override {
        team_->dismiss();
        order_before(team_.get());
    }

    std::size_t workers() const override { return workers_; }

    void run_all(std::size_t chunks, ChunkBody body) override {
        for_phases(chunks, body, [&](std::size_t count, ChunkBody part) {
            const std::size_t team = std::min(threads_, count);
            team_->phases.begin(count, team, part);
            team_->call(team, helpers_);
            team_->phases.finish();
        });
    }

private:
    std::size_t workers_, threads_;
    std::shared_ptr<Team> team_;
    HelperThreads helpers_;
};

class HostExecutor final : public Executor {
public:
    HostExecutor(std::size_t workers, HostRunner host) : workers_(workers), phases_(workers), host_(host) {}
    std::size_t workers() const override { return workers_; }

    void run_all(std::size_t chunks, ChunkBody body) override {
        for_phases(chunks, body, [&](std::size_t count, ChunkBody part) {
            const std::size_t team = std::min(workers_, count);
            phases_.begin(count, team, part);
            if (team > 1) host_.run(&HostExecutor::task, this, team, host_.user);
            phases_.finish();  // whatever the host left
        });
    }

private:
    static void task(void* data, std::size_t worker) {
        auto& self = *static_cast<HostExecutor*>(data);
        // Per-worker memory has workers() places: a host that counts differently gets no work, not a crash.
        if (worker >= 1 && worker < self.workers_) self.phases_.work(worker, self.phases_.current());
    }

    std::size_t workers_;
    Phases phases_;
    HostRunner host_;
};

}  // namespace

void Executor::run(std::size_t chunks, ChunkBody body) {
    if (stop_ == nullptr) return run_all(chunks, body);
    const Stop& stop = *stop_;
    if (stop.ask()) throw Stopped();
    const std::size_t most = finely_ ? std::max<std::size_t>(chunks / (kLooks * workers()), 1) : chunks;
    auto watchful = [&](std::size_t begin, std::size_t end, std::size_t worker) {
        for (std::size_t next = 0; begin < end; begin = next) {
            if (worker == 0 ? stop.ask() : stop.requested()) return;
            body(begin, next = std::min(begin + most, end), worker);
        }
    };
    run_all(chunks, ChunkBody(watchful));
    if (stop.ask()) throw Stopped();
}

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

Result<std::unique_ptr<Executor>> make_executor(std::size_t threads, HostRunner host, std::size_t cores) {
    if (threads > kMaxWorkers)
        return Status(Code::invalid_argument, cat("threads is ", threads, ", expected at most ", kMaxWorkers));
    if (threads == 0) threads = available_cores();
    if (threads == 1) return std::unique_ptr<Executor>(new SerialExecutor());
    if (host.run != nullptr) return std::unique_ptr<Executor>(new HostExecutor(threads, host));
    return std::unique_ptr<Executor>(new TeamExecutor(threads, cores != 0 ? cores : available_cores()));
}

}  // namespace hearth
