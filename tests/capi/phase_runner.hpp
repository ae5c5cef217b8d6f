// A thread runner of the host that does something at the beginning of a certain phase.
#pragma once

#include <functional>

#include "capi/support.hpp"

namespace hearth::test {

struct PhaseRunner {
    std::size_t phases = 0, at = SIZE_MAX;
    std::function<void()> act;

    // It must outlive what is returned.
    RuntimePtr runtime() {
        hearth_runtime_options o;
        CHECK_OK(hearth_runtime_options_init(&o, sizeof o));
        o.threads = 3;
        o.run = [](void (*task)(void*, size_t), void* data, size_t workers, void* user) {
            auto& r = *static_cast<PhaseRunner*>(user);
            if (r.phases++ == r.at) r.act();
            for (size_t w = 1; w < workers; ++w) task(data, w);
        };
        o.run_user = this;
        hearth_runtime* r = nullptr;
        CHECK_OK(hearth_runtime_new(&r, &o));
        return RuntimePtr(r);
    }
};

}  // namespace hearth::test
