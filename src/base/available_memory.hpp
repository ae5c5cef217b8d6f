// The reading of /proc and /sys/fs/cgroup, for tests that bring their own.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

std::uint64_t available_memory_below(const std::string& root);

}  // namespace hearth
