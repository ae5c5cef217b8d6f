// Clocks and errors of the benchmarks.
#pragma once

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace hearth::bench {

using Clock = std::chrono::steady_clock;
inline double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

// Time of a processor: beside other programs it is nearer to what a call takes than the clock on the wall.
inline double micros(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

inline int fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    return 1;
}

}  // namespace hearth::bench
