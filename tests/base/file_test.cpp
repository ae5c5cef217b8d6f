#include "hearth/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary.hpp"

namespace hearth {

namespace {

std::vector<std::byte> counting(std::size_t n) {
    std::vector<std::byte> out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(i * 7 + i / 251);
    return out;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What holds for every source with these bytes.
void check_source(const ByteSource& source, const std::vector<std::byte>& bytes, bool mapped) {
    REQUIRE(source.size() == bytes.size());
    const std::size_t n = bytes.size();
    for (std::size_t begin : {std::size_t{0}, std::size_t{1}, n / 2, n - 1, n}) {
        for (std::size_t length : {std::size_t{0}, std::size_t{1}, n / 3, n - begin}) {
            if (begin + length > n) continue;
            std::vector<std::byte> got(length);
            CHECK(source.read(begin, got).ok());
            CHECK(std::equal(got.begin(), got.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin)));
            const auto view = source.view(begin, length);
            CHECK(view.size() == (mapped ? length : 0));
            if (!view.empty()) CHECK(std::memcmp(view.data(), bytes.data() + begin, length) == 0);
        }
    }
    // Ranges that leave the source, among them those whose end wraps around.
    std::vector<std::byte> two(2);
    for (std::uint64_t begin : {std::uint64_t{n - 1}, std::uint64_t{n} + 1, ~std::uint64_t{0}, ~std::uint64_t{0} - 1}) {
        const Status status = source.read(begin, two);
        CHECK(status.code() == Code::io);
        CHECK(contains(status.message(), source.name()));
        CHECK(source.view(begin, 2).empty());
    }
    CHECK(source.view(1, ~std::uint64_t{0}).empty());
    // Releasing changes no byte, wherever it begins and ends.
    source.release(0, n);
    source.release(1, n - 1);
    source.release(n, 0);
    source.release(5, ~std::uint64_t{0});
    std::vector<std::byte> all(n);
    CHECK(source.read(0, all).ok());
    CHECK(all == bytes);
}

struct Host {
    std::vector<std::byte> bytes;
    int code = 0;
    int calls = 0;
};

int host_read(std::uint64_t offset, void* dst, std::size_t bytes, void* user) {
    auto& host = *static_cast<Host*>(user);
    ++host.calls;
    if (host.code != 0) return host.code;
    std::memcpy(dst, host.bytes.data() + offset, bytes);
    return 0;
}

}  // namespace

TEST_CASE("file: a path is mapped and gives its bytes") {
    test::TemporaryDirectory dir;
    const auto bytes = counting(3 * 4096 + 17);
    const std::string path = dir.write("model", bytes);
    auto source = open_path(path);
    REQUIRE(source.ok());
    CHECK((*source)->name() == path);
    check_source(**source, bytes, true);
}

TEST_CASE("file: a mapping outlives its name and its descriptor") {
    test::TemporaryDirectory dir;
    const auto bytes = counting(10000);
    const std::string path = dir.write("model", bytes);
    const int fd = open(path.c_str(), O_RDONLY);
    REQUIRE(fd >= 0);
    REQUIRE(lseek(fd, 100, SEEK_SET) == 100);
    auto source = open_fd(fd);
    CHECK(lseek(fd, 0, SEEK_CUR) == 100);  // the caller's position is left alone
    CHECK(close(fd) == 0);
    std::filesystem::remove(path);
    REQUIRE(source.ok());
    check_source(**source, bytes, true);
}

TEST_CASE("file: memory is borrowed") {
    const auto bytes = counting(5000);
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    CHECK((*source)->view(0, 1).data() == bytes.data());
    check_source(**source, bytes, true);
    CHECK(open_memory({static_cast<const std::byte*>(nullptr), 0}).ok());
}

TEST_CASE("file: the host's reader is asked for ranges inside its size only") {
    Host host{counting(5000)};
    auto source = open_reader({host_read, host.bytes.size(), &host});
    REQUIRE(source.ok());
    check_source(**source, host.bytes, false);

    host.code = 17;
    std::byte one[1];
    const Status status = (*source)->read(3, one);
    CHECK(status.code() == Code::io);
    CHECK(contains(status.message(), "code 17"));
    host.calls = 0;
    CHECK_FALSE((*source)->read(5000, one).ok());
    CHECK((*source)->read(5000, {}).ok());
    CHECK(host.calls == 0);
    CHECK(open_reader({}).status().code() == Code::invalid_argument);
}

TEST_CASE("file: an empty file is a source of size 0") {
    test::TemporaryDirectory dir;
    auto source = open_path(dir.write("empty", {}));
    REQUIRE(source.ok());
    CHECK((*source)->size() == 0);
    CHECK((*source)->view(0, 0).empty());
    CHECK((*source)->read(0, {}).ok());
    std::byte one[1];
    CHECK((*source)->read(0, one).code() == Code::io);
}

TEST_CASE("file: what is no readable regular file gets its own sentence") {
    test::TemporaryDirectory dir;
    const auto check = [](const Result<std::unique_ptr<ByteSource>>& r, Code code, const std::string& a,
                          const std::string& b) {
        REQUIRE_FALSE(r.ok());
        CHECK(r.status().code() == code);
        CHECK_MESSAGE(contains(r.status().message(), a), r.status().message());
        CHECK_MESSAGE(contains(r.status().message(), b), r.status().message());
    };
    check(open_path(dir / "missing"), Code::not_found, dir / "missing", "no such file");
    check(open_path(dir.write("plain", counting(1)) + "/below"), Code::not_found, "below", "not a directory");
    check(open_path(dir.path().string()), Code::io, dir.path().string(), "is a directory");
    const std::string pipe_path = dir / "pipe";
    REQUIRE(mkfifo(pipe_path.c_str(), 0600) == 0);
    check(open_path(pipe_path), Code::io, pipe_path, "is a pipe");  // and does not wait for a writer
    check(open_path("/dev/null"), Code::io, "/dev/null", "is a device");
    check(open_path(""), Code::invalid_argument, "path", "empty");
    check(open_path(std::string("a\0b", 3)), Code::invalid_argument, "'a'", "NUL");
    check(open_path(std::string(5000, 'x')), Code::io, "xxx", "cannot be opened");
    if (geteuid() != 0) {
        const std::string locked = dir.write("locked", counting(10));
        REQUIRE(chmod(locked.c_str(), 0) == 0);
        check(open_path(locked), Code::io, locked, "permission");
    } else {
        MESSAGE("SKIPPED 1 permission check: root may read everything");
    }

    int ends[2];
    REQUIRE(pipe(ends) == 0);
    check(open_fd(ends[0]), Code::io, "file descriptor", "is a pipe");
    close(ends[0]);
    close(ends[1]);
    check(open_fd(ends[0]), Code::invalid_argument, "file descriptor", "not an open descriptor");
    check(open_fd(-1), Code::invalid_argument, "-1", "not an open descriptor");
    const int fd = open((dir / "plain").c_str(), O_WRONLY);
    REQUIRE(fd >= 0);
    check(open_fd(fd), Code::invalid_argument, "file descriptor", "writing only");
    close(fd);
}

TEST_CASE("file: opening and failing leaves no descriptor open") {
    test::TemporaryDirectory dir;
    const std::string path = dir.write("model", counting(100));
    const auto lowest_free = [] {
        const int fd = open("/dev/null", O_RDONLY);
        close(fd);
        return fd;
    };
    const int before = lowest_free();
    for (int i = 0; i < 20; ++i) {
        CHECK(open_path(path).ok());
        CHECK_FALSE(open_path(dir.path().string()).ok());
    }
    CHECK(lowest_free() == before);
}

}  // namespace hearth
