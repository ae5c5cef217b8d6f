#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/task_arena.h>

#include <optional>
#include <utility>

#include "base/helper_threads.hpp"

namespace hearth {

class HelperThreads::State {
public:
    explicit State(std::size_t threads) : arena(static_cast<int>(threads), 1) {
        // oneTBB starts one thread per core; more workers than that (tests ask for them) need leave. The leave counts
        // for the whole process and the smallest one wins, so it is not asked for where it would only take threads
        // away from the host.
        if (threads > static_cast<std::size_t>(tbb::info::default_concurrency()))
            control.emplace(tbb::global_control::max_allowed_parallelism, threads);
    }
    std::optional<tbb::global_control> control;
    tbb::task_arena arena;
};

HelperThreads::HelperThreads(std::size_t threads) : state_(std::make_unique<State>(threads)) {}
HelperThreads::~HelperThreads() = default;

bool HelperThreads::enqueue(HelperTask task) noexcept {
    try {
        state_->arena.enqueue([task = std::move(task)] { task.call(task.owner.get(), task.worker); });
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace hearth
