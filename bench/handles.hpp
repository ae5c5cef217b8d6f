// The C interface in benchmarks: what fails ends the program, what is owned frees itself.
#pragma once

#include <cstdlib>

#include "bench/support.hpp"
#include "hearth.h"

namespace hearth::bench {

inline void check(hearth_status status) {
    if (status == HEARTH_OK) return;
    std::exit(fail(std::string(hearth_status_name(status)) + ": " + hearth_last_error()));
}

template <auto Free>
struct Freer {
    void operator()(auto* p) const { Free(p); }
};

}  // namespace hearth::bench
