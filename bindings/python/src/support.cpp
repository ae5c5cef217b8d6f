#include "support.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace hearth_py {

namespace {

std::atomic<unsigned> forks{0};
const int watching_forks = pthread_atfork(nullptr, nullptr, [] { ++forks; });

bool finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

// Signals are for the threads of the host.
template <class F>
std::thread quiet_thread(F&& body) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread made(std::forward<F>(body));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return made;
}

struct Outcome {
    hearth_status status = HEARTH_OK;
    std::string message;
};

Outcome outcome_of(const std::function<hearth_status()>& work) {
    Outcome out;
    out.status = work();
    if (out.status != HEARTH_OK) out.message = hearth_last_error();  // of the thread that worked
    return out;
}

// A thread that does one thing after the other for one that waits.
class Worker {
public:
    Worker() {
        quiet_thread([this] { serve(); }).detach();
    }

    void start(const std::function<hearth_status()>& work) {
        const std::lock_guard<std::mutex> lock(mutex_);
        work_ = &work;
        done_ = false;
        begin_.notify_one();
    }
    bool wait(std::chrono::milliseconds limit) {
        std::unique_lock<std::mutex> lock(mutex_);
        return end_.wait_for(lock, limit, [this] { return done_; });
    }
    void wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        end_.wait(lock, [this] { return done_; });
    }
    Outcome& outcome() { return outcome_; }
    void retire() {
        const std::lock_guard<std::mutex> lock(mutex_);
        retired_ = true;
        begin_.notify_one();
    }

private:
    void serve() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (true) {
            begin_.wait(lock, [this] { return work_ != nullptr || retired_; });
            if (work_ == nullptr) break;
            const auto* work = work_;
            lock.unlock();
            Outcome out = outcome_of(*work);
            lock.lock();
            outcome_ = std::move(out);
            work_ = nullptr;
            done_ = true;
            end_.notify_one();
        }
        lock.unlock();
        delete this;
    }

    std::mutex mutex_;
    std::condition_variable begin_, end_;
    const std::function<hearth_status()>* work_ = nullptr;
    bool done_ = false, retired_ = false;
    Outcome outcome_;
};

// Of the main thread, for the life of the process: waiting costs nothing, and it outlives the interpreter. Called with the
// interpreter's lock. Busy while a signal handler of Python's, run within run(), calls hearth again.
struct MainWorker {
    Worker* worker = nullptr;
    unsigned generation = ~0u;
    unsigned long thread = 0;
    bool busy = false;
};

MainWorker& main_worker() {
    static MainWorker state;
    if (state.generation != fork_generation()) {
        const py::object ident = py::module_::import("threading").attr("main_thread")().attr("ident");
        state = MainWorker{new Worker, fork_generation(), ident.cast<unsigned long>(), false};
    }
    return state;
}

Outcome run_watched(Worker& worker, const std::function<hearth_status()>& work, const std::function<void()>& cancel,
                    Progress* progress) {
    worker.start(work);
    while (true) {
        bool done = false;
        {
            const Unlocked unlocked;
            done = worker.wait(std::chrono::milliseconds(20));
        }
        if (done) break;
        try {
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
            if (progress != nullptr) progress->report();
        } catch (...) {
            if (progress != nullptr) progress->stop = true;
            if (cancel) cancel();
            {
                const Unlocked unlocked;
                worker.wait();
            }
            throw;
        }
    }
    if (progress != nullptr && worker.outcome().status == HEARTH_OK) progress->report();
    return std::move(worker.outcome());
}

Outcome run_outcome(const std::function<hearth_status()>& work, const std::function<void()>& cancel, Progress* progress) {
    MainWorker& main = main_worker();
    if (PyThread_get_thread_ident() == main.thread && !main.busy) {
        struct Mark {
            bool& busy;
            explicit Mark(bool& b) : busy(b) { busy = true; }
            ~Mark() { busy = false; }
        } mark(main.busy);
        return run_watched(*main.worker, work, cancel, progress);
    }
    if (progress != nullptr && !progress->callable.is_none()) {
        struct Once {
            Worker* worker = new Worker;
            ~Once() { worker->retire(); }
        } once;
        return run_watched(*once.worker, work, cancel, progress);
    }
    const Unlocked unlocked;
    return outcome_of(work);
}

}  // namespace

void check(hearth_status status) {
    if (status != HEARTH_OK) throw Failure{status, hearth_last_error()};
}

void refuse(const std::string& sentence) { throw Failure{HEARTH_ESTATE, sentence}; }

unsigned fork_generation() { return forks.load(std::memory_order_relaxed); }

Unlocked::Unlocked() : ending_(finalizing()), state_(PyEval_SaveThread()) {}

Unlocked::~Unlocked() {
    while (!ending_ && finalizing()) pause();
    PyEval_RestoreThread(state_);
}

std::int32_t Progress::tell(std::uint64_t done, std::uint64_t total, void* user) {
    auto* self = static_cast<Progress*>(user);
    self->total = total;
    self->done = done;
    return self->stop ? 1 : 0;
}

void Progress::report() {
    const std::uint64_t now = done;
    if (callable.is_none() || total == 0 || now == reported_) return;
    reported_ = now;
    callable(now, total.load());
}

void run(const std::function<hearth_status()>& work, const std::function<void()>& cancel, Progress* progress) {
    Outcome out = run_outcome(work, cancel, progress);
    if (out.status != HEARTH_OK) throw Failure{out.status, std::move(out.message)};
}

hearth_status run_expecting(hearth_status expected, const std::function<hearth_status()>& work,
                            const std::function<void()>& cancel, Progress* progress) {
    Outcome out = run_outcome(work, cancel, progress);
    if (out.status != HEARTH_OK && out.status != expected) throw Failure{out.status, std::move(out.message)};
    return out.status;
}

py::str text_of(const char* data, std::size_t length) {
    return py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(data, static_cast<Py_ssize_t>(length), "replace"));
}

py::str take(hearth_text* text) {
    const std::unique_ptr<hearth_text, void (*)(hearth_text*)> owner(text, hearth_text_free);
    std::size_t length = 0;
    const char* const data = hearth_text_data(text, &length);
    return text_of(data, length);
}

py::array read_only(py::array array) {
    array.attr("setflags")(py::arg("write") = false);
    return array;
}

Texts::Texts(const std::vector<std::string>& texts) {
    data.reserve(texts.size());
    lengths.reserve(texts.size());
    for (const std::string& text : texts) {
        data.push_back(text.data());
        lengths.push_back(text.size());
    }
}

}  // namespace hearth_py
