#include "base/available_memory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "hearth/base/memory.hpp"
#include "support/temporary.hpp"

using namespace hearth;
using test::TemporaryDirectory;

namespace {

void write(const TemporaryDirectory& root, const std::string& path, const std::string& text) {
    const std::filesystem::path full = root / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
}

constexpr const char* kMeminfo =
    "MemTotal:       24684084 kB\nMemFree:        1000 kB\nMemAvailable:    2048 kB\nBuffers: 1 kB\n";

}  // namespace

TEST_CASE("available memory: what the kernel says, and no limit where nothing is known") {
    const TemporaryDirectory root;
    CHECK(available_memory_below(root.path().string()) == UINT64_MAX);
    write(root, "proc/meminfo", kMeminfo);
    CHECK(available_memory_below(root.path().string()) == 2048 * 1024);
    write(root, "proc/meminfo", "MemAvailable:\nMemAvailable: x kB\n");
    CHECK(available_memory_below(root.path().string()) == UINT64_MAX);
    CHECK(available_memory() > 1 << 20);
}

TEST_CASE("available memory: the tightest control group around the process counts") {
    const TemporaryDirectory root;
    const std::string at = root.path().string();
    write(root, "proc/meminfo", kMeminfo);
    write(root, "proc/self/cgroup", "0::/user/app\n");
    write(root, "sys/fs/cgroup/user/app/memory.max", "max\n");
    write(root, "sys/fs/cgroup/user/app/memory.current", "4096\n");
    CHECK(available_memory_below(at) == 2048 * 1024);
    write(root, "sys/fs/cgroup/user/memory.max", "100000\n");
    write(root, "sys/fs/cgroup/user/memory.current", "90000\n");
    CHECK(available_memory_below(at) == 10000);
    write(root, "sys/fs/cgroup/user/memory.stat", "anon 1\ninactive_anon 7\ninactive_file 5000\nactive_file 3\n");
    CHECK(available_memory_below(at) == 15000);
    write(root, "sys/fs/cgroup/user/app/memory.max", "4000\n");  // over its limit
    CHECK(available_memory_below(at) == 0);
    // A container sees its own group as the root.
    write(root, "proc/self/cgroup", "0::/\n");
    write(root, "sys/fs/cgroup/memory.max", "9000\n");
    write(root, "sys/fs/cgroup/memory.current", "1000\n");
    CHECK(available_memory_below(at) == 8000);
}

TEST_CASE("available memory: version 1 groups, and lines of any kind") {
    const TemporaryDirectory root;
    const std::string at = root.path().string();
    write(root, "proc/self/cgroup", "no line\n7:cpu:/a\n::\n3:memory\n5:cpu,memory:/box\n1:name=x:/\n\n");
    CHECK(available_memory_below(at) == UINT64_MAX);
    write(root, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000");
    write(root, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", "4500");
    write(root, "sys/fs/cgroup/memory/box/memory.stat", "cache 9\ninactive_file 1\ntotal_inactive_file 200\n");
    CHECK(available_memory_below(at) == 700);
}
