// A pass of a generator, as those see it who want to stop it.
#pragma once

#include <algorithm>
#include <span>

#include "engine/running.hpp"

namespace hearth {

class Generator::Pass {
public:
    // Where it cannot be repeated, it stops only when nobody wants it any more.
    explicit Pass(Generator& generator) : generator_(generator) {
        generator.handles_.clear();
        Clock::time_point first = Clock::time_point::max(), last = Clock::time_point::min();
        for (const auto& r : generator.running_) {
            generator.handles_.push_back(r->handle);
            first = std::min(first, r->deadline);
            last = std::max(last, r->deadline);
        }
        stop_.at(generator.repeatable_ ? first : last);
        const std::lock_guard lock(generator.cancel_mutex_);
        generator.pass_ = this;
        cancelled(generator.cancelled_, generator.cancel_all_);
    }
    ~Pass() {
        const std::lock_guard lock(generator_.cancel_mutex_);
        generator_.pass_ = nullptr;
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

    const Stop& stop() const { return stop_; }
    // With cancel_mutex_ held.
    void cancelled(std::span<void* const> handles, bool all) {
        const auto is = [&](void* h) { return std::ranges::find(handles, h) != handles.end(); };
        const auto& own = generator_.handles_;
        if (all || (generator_.repeatable_ ? std::ranges::any_of(own, is) : std::ranges::all_of(own, is))) stop_.request();
    }

private:
    Generator& generator_;
    Stop stop_;
};

}  // namespace hearth
