#include "hearth/base/turnstile.hpp"

#include <chrono>

namespace hearth {

namespace {
constexpr std::chrono::milliseconds kLook{2};  // how often one who waits looks whether it still should
}

Turnstile::Turn Turnstile::enter(const Stop* stop) {
    std::unique_lock lock(mutex_);
    if (!held_) {
        held_ = true;
        return Turn(this);
    }
    Place place;
    (last_ != nullptr ? last_->next : first_) = &place;
    last_ = &place;
    if (stop == nullptr) changed_.wait(lock, [&] { return place.turn; });
    while (!place.turn) {
        if (stop->ask()) {
            remove(place);
            return Turn(nullptr);
        }
        changed_.wait_for(lock, kLook);
    }
    return Turn(this);
}

void Turnstile::leave() {
    const std::lock_guard lock(mutex_);
    Place* const next = first_;
    held_ = next != nullptr;  // it goes from hand to hand
    if (next == nullptr) return;
    remove(*next);
    next->turn = true;
    changed_.notify_all();
}

void Turnstile::remove(Place& place) {
    Place* before = nullptr;
    for (Place* p = first_; p != &place; p = p->next) before = p;
    (before != nullptr ? before->next : first_) = place.next;
    if (last_ == &place) last_ = before;
}

}  // namespace hearth
