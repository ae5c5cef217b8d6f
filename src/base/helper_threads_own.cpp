#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/helper_threads.hpp"

namespace hearth {

// A queue of few tasks and the threads that wait for them.
class HelperThreads::State {
public:
    explicit State(std::size_t helpers) : helpers_(helpers) {
        threads_.reserve(helpers);
        waiting_.reserve(2 * helpers);  // a helper that is leaving may be called again
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
            waiting_.clear();
        }
        wake_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    bool enqueue(HelperTask task) {
        {
            const std::lock_guard lock(mutex_);
            if (idle_ <= waiting_.size() && threads_.size() < helpers_) start();
            if (threads_.empty()) return false;
            waiting_.push_back(std::move(task));
        }
        wake_.notify_one();
        return true;
    }

private:
    // With the mutex. Where the system has no thread to give, those that are there take what comes.
    void start() {
        try {
            threads_.emplace_back([this] { work(); });
            ++idle_;
        } catch (...) {
        }
    }
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return over_ || !waiting_.empty(); });
            if (over_) return;
            --idle_;
            {
                const HelperTask task = std::move(waiting_.front());
                waiting_.erase(waiting_.begin());
                lock.unlock();
                task.call(task.owner.get(), task.worker);
            }  // the owner may end here, without the mutex
            lock.lock();
            ++idle_;
        }
    }

    std::size_t helpers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<HelperTask> waiting_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;  // threads that wait, or begin to
    bool over_ = false;
};

HelperThreads::HelperThreads(std::size_t threads) : state_(std::make_unique<State>(threads - 1)) {}
HelperThreads::~HelperThreads() = default;

bool HelperThreads::enqueue(HelperTask task) noexcept {
    try {
        return state_->enqueue(std::move(task));
    } catch (...) {
        return false;
    }
}

}  // namespace hearth
