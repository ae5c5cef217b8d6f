// A lock that is had in the order of asking, and that can be given up while waiting for it. std::mutex lets a thread that
// asks again at once go before those that wait.
// Thread class: any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "hearth/base/stop.hpp"

namespace hearth {

class Turnstile {
public:
    // Held while it lives; false where waiting was given up.
    class Turn {
    public:
        explicit Turn(Turnstile* of) : of_(of) {}
        Turn(Turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (of_ != nullptr) of_->leave();
        }
        explicit operator bool() const { return of_ != nullptr; }

    private:
        Turnstile* of_;
    };

    // `stop` may be null: then it always comes.
    [[nodiscard]] Turn enter(const Stop* stop = nullptr);

private:
    // On the stack of who waits or holds: asking needs no memory.
    struct Place {
        Place* next = nullptr;
        bool turn = false;
    };
    void leave();
    void remove(Place& place);

    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
    Place* first_ = nullptr;
    Place* last_ = nullptr;
};

}  // namespace hearth
