#include "hearth/base/file_writer.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include <doctest/doctest.h>

#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth {

namespace {
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
}  // namespace

TEST_CASE("file writer: pieces of any length arrive in order") {
    test::TemporaryDirectory dir;
    std::string expected;
    {
        auto file = FileWriter::create(dir / "out");
        REQUIRE(file.ok());
        for (std::size_t length : {0u, 1u, 1000u, 262143u, 2u, 262144u, 262145u, 7u, 1000000u, 3u}) {
            std::string piece(length, '\0');
            for (char& c : piece) c = static_cast<char>(expected.size() + static_cast<std::size_t>(&c - piece.data()));
            REQUIRE((*file)->write(bytes_of(piece)).ok());
            expected += piece;
        }
        CHECK((*file)->written() == expected.size());
        CHECK_FALSE(std::filesystem::exists(dir / "out"));
        CHECK((*file)->commit().ok());
        CHECK((*file)->commit().code() == Code::bad_state);
        CHECK((*file)->write(bytes_of("x")).code() == Code::bad_state);
    }
    CHECK(test::read_text(dir / "out") == expected);
    CHECK(dir.files() == 1);
}

TEST_CASE("file writer: without commit the old file stays and no temporary one") {
    test::TemporaryDirectory dir;
    dir.write("out", bytes_of("old"));
    {
        auto file = FileWriter::create(dir / "out");
        REQUIRE(file.ok());
        REQUIRE((*file)->write(bytes_of("new")).ok());
        REQUIRE((*file)->finish().ok());
    }
    CHECK(test::read_text(dir / "out") == "old");
    CHECK(dir.files() == 1);
}

TEST_CASE("file writer: two writers of one name do not mix") {
    test::TemporaryDirectory dir;
    auto a = FileWriter::create(dir / "out"), b = FileWriter::create(dir / "out");
    REQUIRE(a.ok());
    REQUIRE(b.ok());
    REQUIRE((*a)->write(bytes_of("aaaa")).ok());
    REQUIRE((*b)->write(bytes_of("bb")).ok());
    REQUIRE((*a)->commit().ok());
    CHECK(test::read_text(dir / "out") == "aaaa");
    REQUIRE((*b)->commit().ok());
    CHECK(test::read_text(dir / "out") == "bb");
    CHECK(dir.files() == 1);
}

TEST_CASE("file writer: the file has the permissions of the umask") {
    test::TemporaryDirectory dir;
    const mode_t before = umask(027);
    auto file = FileWriter::create(dir / "out");
    umask(before);
    REQUIRE(file.ok());
    REQUIRE((*file)->commit().ok());
    struct stat info {};
    REQUIRE(stat((dir / "out").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("file writer: failures name the path") {
    test::TemporaryDirectory dir;
    CHECK(FileWriter::create("").status().code() == Code::invalid_argument);
    CHECK(FileWriter::create(std::string("a\0b", 3)).status().code() == Code::invalid_argument);
    const Status missing = FileWriter::create(dir / "no/such/out").status();
    CHECK(missing.code() == Code::not_found);
    CHECK(missing.message().find(dir / "no/such/out") != std::string::npos);
    // A directory of that name cannot be replaced.
    std::filesystem::create_directory(dir / "taken");
    {
        auto file = FileWriter::create(dir / "taken");
        REQUIRE(file.ok());
        const Status taken = (*file)->commit();
        CHECK(taken.code() == Code::io);
        CHECK(taken.message().find(dir / "taken") != std::string::npos);
    }
    CHECK(dir.files() == 1);
}

TEST_CASE("file writer: a symbolic link is replaced, not followed") {
    test::TemporaryDirectory dir;
    dir.write("target", bytes_of("old"));
    std::filesystem::create_symlink(dir / "target", dir / "link");
    auto file = FileWriter::create(dir / "link");
    REQUIRE(file.ok());
    REQUIRE((*file)->write(bytes_of("new")).ok());
    REQUIRE((*file)->commit().ok());
    CHECK(test::read_text(dir / "target") == "old");
    CHECK(test::read_text(dir / "link") == "new");
}

TEST_CASE("file writer: a refused write is an error and leaves nothing") {
    test::TemporaryDirectory dir;
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, before.rlim_max};
    Status status;
    {
        auto file = FileWriter::create(dir / "out");
        REQUIRE(file.ok());
        REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
        const std::string text(2000, 'x');
        status = (*file)->write(bytes_of(text));
        if (status.ok()) status = (*file)->commit();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(status.code() == Code::io);
    CHECK(status.message().find(dir / "out") != std::string::npos);
    CHECK(dir.files() == 0);
}

}  // namespace hearth
