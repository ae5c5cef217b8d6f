// How much memory this process could take now. Linux: what the kernel says it can give without swapping
// (/proc/meminfo, MemAvailable), and what the control groups around the process leave of their limits (cgroup v2:
// memory.max and memory.current; v1: memory.limit_in_bytes and memory.usage_in_bytes). A group's use counts the page
// cache of its files, which leaves memory under pressure, so its inactive part (memory.stat) counts as available.
// macOS: the machine's memory, as what is free changes with what it compresses.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/available_memory.hpp"
#include "hearth/base/memory.hpp"

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

namespace hearth {

namespace {

// These files are small, and report no size.
std::optional<std::string> read_small(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    std::string text(1 << 16, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = read(fd, text.data() + size, text.size() - size);
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    close(fd);
    text.resize(size);
    return text;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
    const std::size_t at = text.find_first_not_of(" \t");
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), n);
    return error == std::errc() ? std::optional(n) : std::nullopt;
}

// The number after `name` at the start of a line.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name) {
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view line = text.substr(at, text.find('\n', at) - at);
        if (line.starts_with(name)) return number_in(line.substr(name.size()));
        at += line.size() + 1;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> number_of_file(const std::string& path) {
    const auto text = read_small(path);
    return text ? number_in(*text) : std::nullopt;  // "max" is no number: no limit
}

// The least that a group and those around it leave.
std::uint64_t left_by_groups(const std::string& mount, std::string group, const char* limit, const char* used,
                             const char* cache) {
    std::uint64_t left = UINT64_MAX;
    while (true) {
        const std::string at = mount + (group == "/" ? "" : group) + "/";
        const auto most = number_of_file(at + limit);
        const auto now = number_of_file(at + used);
        if (most && now) {
            const auto stat = read_small(at + "memory.stat");
            const std::uint64_t kept = *now - std::min(*now, stat ? number_after(*stat, cache).value_or(0) : 0);
            left = std::min(left, *most - std::min(*most, kept));
        }
        if (group.empty() || group == "/") return left;
        group.resize(group.rfind('/'));
    }
}

}  // namespace

std::uint64_t available_memory_below(const std::string& root) {
    std::uint64_t left = UINT64_MAX;
    if (const auto info = read_small(root + "/proc/meminfo"))
        if (const auto kilobytes = number_after(*info, "MemAvailable:")) left = *kilobytes * 1024;
    const auto groups = read_small(root + "/proc/self/cgroup");
    if (!groups) return left;
    // Lines "0::/path" for v2 and "4:memory:/path" (or "…:memory,cpu:/path") for v1.
    for (std::size_t at = 0; at < groups->size();) {
        const std::string line = groups->substr(at, groups->find('\n', at) - at);
        at += line.size() + 1;
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos || second + 1 >= line.size() || line[second + 1] != '/') continue;
        const std::string names = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
        if (names.empty())
            left = std::min(
                left, left_by_groups(root + "/sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file"));
        else if (names == "memory" || names.starts_with("memory,") || names.ends_with(",memory") ||
                 names.find(",memory,") != std::string::npos)
            left = std::min(left, left_by_groups(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes",
                                                 "memory.usage_in_bytes", "total_inactive_file"));
    }
    return left;
}

std::uint64_t available_memory() {
#ifdef __APPLE__
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    if (sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 && bytes != 0) return bytes;
    return UINT64_MAX;
#else
    return available_memory_below("");
#endif
}

}  // namespace hearth
