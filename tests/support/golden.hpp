// Where test data stands. `golden(...)` is what a bare clone carries; `shared(...)` is the larger collection beside
// the checkout, which may be missing: tests that need it count what they skip with `skipped`.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/thin.hpp"

namespace hearth::test {

inline std::filesystem::path golden(const std::string& name) {
    return std::filesystem::path(HEARTH_SOURCE_DIR) / "tests" / "golden" / name;
}
inline std::filesystem::path shared(const std::string& name) {
    return std::filesystem::path(HEARTH_SOURCE_DIR) / ".." / "shared" / "golden" / name;
}
// The file from the shared collection where it is, else from the clone.
inline std::filesystem::path shared_or_golden(const std::string& name) {
    return std::filesystem::exists(shared(name)) ? shared(name) : golden(name);
}

// `tests/run.sh --long`: soak and fuzz for minutes instead of seconds.
inline bool long_run() {
    const char* wanted = std::getenv("HEARTH_LONG");
    return wanted != nullptr && std::strcmp(wanted, "1") == 0;
}

inline void skipped(const std::string& what, std::size_t count) {
    MESSAGE("SKIPPED " << count << " " << what << ": ../shared/golden is not beside this checkout");
}

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in.good(), "cannot read " << path.string());
    in.seekg(0, std::ios::end);
    std::vector<std::byte> bytes(static_cast<std::size_t>(in.tellg()));
    in.seekg(0).read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    REQUIRE_MESSAGE(in.good(), "cannot read " << path.string());
    return bytes;
}
inline std::string read_text(const std::filesystem::path& path) {
    auto bytes = read_bytes(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::vector<float> read_floats(const std::filesystem::path& path) {
    auto bytes = read_bytes(path);
    std::vector<float> floats(bytes.size() / sizeof(float));
    if (!floats.empty()) std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
    return floats;
}

}  // namespace hearth::test
