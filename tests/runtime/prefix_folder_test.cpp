// Prefix stores on folders: other stores and other processes, and files of any content.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "runtime/stored.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

std::vector<std::byte> bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

void write(const fs::path& path, std::span<const std::byte> bytes) {
    fs::remove(path);  // some file systems wait for the disk where one is overwritten
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// With the digest that its bytes have now.
void sign(std::vector<std::byte>& bytes) {
    Hasher h;
    h.add(std::span(bytes).first(bytes.size() - 16));
    const Hash128 digest = h.digest();
    std::memcpy(bytes.data() + bytes.size() - 16, &digest.low, 8);
    std::memcpy(bytes.data() + bytes.size() - 8, &digest.high, 8);
}

}  // namespace

TEST_CASE("prefix folder: another store takes over what one has computed, of every kind of cache") {
    const auto executor = make_executor(2);
    std::size_t number = 0;
    for (const Kind& kind : kKinds) {
        CAPTURE(number);
        const TemporaryDirectory dir;
        const std::string folder = dir / "a/b/";
        Draws draws(50);
        const auto prompt = some(draws, 40 + 300 * (number % 5)), behind = some(draws, 60);
        Stored one(kind, kPlenty, folder);
        one.executor = number++ % 2 == 0 ? executor->get() : nullptr;
        CHECK(one.run(prompt) == prompt.size());
        const bool states = one.f.layout->state_bytes != 0;
        for (const std::uint64_t bytes : {kPlenty, std::uint64_t{1}}) {
            Stored other(kind, bytes, folder);
            other.executor = one.executor;
            CHECK(other.run(prompt) == (states ? 0 : 1));
            CHECK(other.store->stats().files_read != 0);
            CHECK(other.store->stats().files_refused == 0);
            CHECK(other.store->stats().bytes <= bytes);
            // What was read is in memory now, where there is room.
            const auto read = other.store->stats().files_read;
            CHECK(other.run(prompt) == (states ? 0 : 1));
            CHECK((other.store->stats().files_read == read) == (bytes == kPlenty));
            Sequence s = other.sequence();
            REQUIRE(s.append(joined(prompt, behind)).ok());
            CHECK(other.run(s) <= behind.size());
            for (int i = 0; i < 3; ++i) {
                REQUIRE(s.append(some(draws, 1)).ok());
                REQUIRE(evaluate(s, 300));
                check_logits(other.f, s);
            }
        }
        struct stat status {};
        REQUIRE(stat(folder.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0700);
        for (const fs::path& file : files_in(folder)) {
            REQUIRE(stat(file.c_str(), &status) == 0);
            CHECK((status.st_mode & 0777) == 0600);
            CHECK(file.extension() == ".prefix");
        }
        const auto stats = one.store->stats();
        CHECK(stats.files == files_in(folder).size());
        CHECK(stats.files_written != 0);
        one.store->clear();
        CHECK(files_in(folder).empty());
        CHECK(one.run(prompt) == prompt.size());
    }
}

TEST_CASE("prefix folder: another question behind the same beginning") {
    for (const Kind& kind : kKinds) {
        const TemporaryDirectory dir;
        Draws draws(51);
        const auto system = some(draws, 1300), question = some(draws, 700), other = some(draws, 90);
        const Stored one(kind, kPlenty, dir.path());
        one.run(joined(system, question));
        const Stored two(kind, 1, dir.path()), three(kind, kPlenty, dir.path());
        const bool anywhere = PrefixStore::anywhere(*one.f.layout);
        const std::size_t missing = two.run(joined(system, other));
        if (anywhere)
            CHECK(missing == 90);  // the block that both begin alike, and go on differently
        else
            CHECK(missing <= 1390 - Sequence::kCheckpointDistance);
        // A third has the second's, to the end.
        CHECK(three.run(joined(joined(system, other), question)) <= 700);
    }
}

TEST_CASE("prefix folder: a changed byte is noticed, the file removed and its tokens computed") {
    Draws draws(52);
    for (const Kind& kind : {kKinds[1], kKinds[5], kKinds[8], kKinds[0]}) {
        const TemporaryDirectory dir;
        const auto prompt = some(draws, 300);
        const Stored one(kind, kPlenty, dir.path());
        one.run(prompt);
        const auto files = files_in(dir.path());
        std::vector<std::vector<std::byte>> good;
        good.reserve(files.size());
        for (const fs::path& file : files) good.push_back(bytes_of(file));
        for (std::size_t i = 0; i < files.size(); ++i)
            for (std::size_t at = 0; at < good[i].size();
                 at += at < 140 ? 3 : 1 + draws.below(good[i].size() / (kThin ? 4 : 12))) {
                auto bytes = good[i];
                bytes[at] ^= static_cast<std::byte>(1 + draws.below(255));
                write(files[i], bytes);
                const Stored other(kind, 1, dir.path());
                other.run(prompt);
                CHECK(other.store->stats().files_refused == 1);
                CHECK(bytes_of(files[i]) == good[i]);  // written again
            }
        for (std::size_t i = 0; i < files.size(); ++i)
            for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{111}, std::size_t{112},
                                           std::size_t{1000}, good[i].size() - 1, good[i].size() + 1}) {
                auto bytes = good[i];
                bytes.resize(size);
                write(files[i], bytes);
                const Stored other(kind, kPlenty, dir.path());
                other.run(prompt);
                CHECK(other.store->stats().files_refused == 1);
                CHECK(bytes_of(files[i]) == good[i]);
            }
    }
}

TEST_CASE("prefix folder: numbers that lie under a right digest are refused, or do no harm") {
    Draws draws(53);
    for (const Kind& kind : kKinds) {
        const TemporaryDirectory dir;
        const auto prompt = some(draws, 600);
        const Stored one(kind, kPlenty, dir.path());
        one.run(prompt);
        const auto files = files_in(dir.path());
        for (const fs::path& file : files) {
            const auto good = bytes_of(file);
            for (std::size_t round = 0; round < (kThin ? 8 : 24); ++round) {
                auto bytes = good;
                // The header, the tokens, or the numbers behind them.
                const std::size_t behind = 112 + 4 * 600, at = 8 * draws.below(round % 2 == 0 ? 14 : behind / 8);
                const std::uint64_t hostile[] = {
                    0,   1,      ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 32,
                    256, kVocab, draws.below(2000)};
                if (at + 8 + 16 > bytes.size()) continue;
                std::memcpy(bytes.data() + at, &hostile[draws.below(8)], 8);
                if (bytes == good) continue;
                sign(bytes);
                write(file, bytes);
                // What it says of keys and values is taken for true: that is no other's to write.
                const Stored other(kind, 1, dir.path());
                Sequence s = other.sequence();
                REQUIRE(s.append(prompt).ok());
                s.recall(1);
                REQUIRE(evaluate(s, 300));
                if (at < 112 + 4 * 256) CHECK(other.store->stats().files_refused <= 1);
                write(file, good);
            }
        }
    }
}

TEST_CASE("prefix folder: files of another origin, other names and other things are never used") {
    const TemporaryDirectory dir, others;
    Draws draws(54);
    const auto prompt = some(draws, 700);
    const Stored mine({{kAll}, 0}, kPlenty, dir.path()), theirs({{kAll}, 0}, kPlenty, others.path());
    mine.run(prompt, 1);
    theirs.run(prompt, 2);
    const auto good = files_in(dir.path()), foreign = files_in(others.path());
    REQUIRE(good.size() == foreign.size());
    for (std::size_t i = 0; i < good.size(); ++i)
        fs::copy_file(foreign[i], good[i], fs::copy_options::overwrite_existing);
    const Stored other({{kAll}, 0}, kPlenty, dir.path());
    CHECK(other.run(prompt, 1) == 700);
    CHECK(other.store->stats().files_refused != 0);
    CHECK(other.store->stats().files_read == 0);
    // One block under the name of another.
    fs::copy_file(good[0], good[1], fs::copy_options::overwrite_existing);
    const Stored next({{kAll}, 0}, kPlenty, dir.path());
    next.run(prompt, 1);
    CHECK(next.store->stats().files_refused == 1);
    // Directories, links and pipes of such names are let alone, and so is what has none.
    for (const fs::path& file : good) {
        fs::remove(file);
        switch (draws.below(3)) {
            case 0:
                fs::create_directory(file);
                break;
            case 1:
                fs::create_symlink("/dev/zero", file);
                break;
            default:
                REQUIRE(mkfifo(file.c_str(), 0600) == 0);
        }
    }
    for (const char* name : {"x.prefix", "-.prefix", ".prefix", "text", "0-0-0.prefix"}) write(dir.path() / name, {});
    const Stored last({{kAll}, 0}, kPlenty, dir.path(), 1);
    CHECK(last.run(prompt, 1) == 700);
    CHECK(last.run(prompt, 1) == 1);
    CHECK(fs::exists(dir.path() / "text"));
    CHECK(fs::exists(dir.path() / "x.prefix"));
}

TEST_CASE("prefix folder: what was used longest ago goes first") {
    const TemporaryDirectory dir;
    Draws draws(55);
    const auto a = some(draws, 1024), b = some(draws, 1024), c = some(draws, 1024);
    std::uint64_t each = 0;
    const Kind kind{{kAll}, 0};
    {
        const Stored probe(kind, 1, dir.path());
        probe.run(a);
        each = probe.store->stats().file_bytes;
        probe.store->clear();
    }
    const auto fresh = [&] { return Stored(kind, 1, dir.path(), 2 * each + each / 4); };
    const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
    CHECK(fresh().run(a) == 1024);
    wait();
    CHECK(fresh().run(b) == 1024);
    wait();
    CHECK(fresh().run(a) == 1);  // now b is the older
    wait();
    const Stored third = fresh();
    CHECK(third.run(c) == 1024);
    CHECK(third.store->stats().files_evicted != 0);
    CHECK(third.store->stats().file_bytes <= 2 * each + each / 4);
    CHECK(fresh().run(a) == 1);
    CHECK(fresh().run(c) == 1);
    CHECK(fresh().run(b) > 1);
    // Files that nobody finished go after an hour.
    const fs::path old = dir.path() / "00-00-0.prefix.1-0.tmp", young = dir.path() / "00-00-0.prefix.2-0.tmp";
    write(old, {});
    write(young, {});
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
    fresh().run(some(draws, 500));
    CHECK(!fs::exists(old));
    CHECK(fs::exists(young));
}

TEST_CASE("prefix folder: one that cannot be written is told of once, and nothing else happens") {
    const TemporaryDirectory dir;
    write(dir.path() / "file", {});
    std::vector<std::string> log;
    auto options = store_options(kPlenty, dir / "file/folder");
    options.log = {[](int, const char* text, std::size_t length, void* user) {
                       static_cast<std::vector<std::string>*>(user)->emplace_back(text, length);
                   },
                   &log};
    Stored s({{kAll}, 0});
    s.store = PrefixStore::make(s.f.memory, options);
    Draws draws(56);
    const auto prompt = some(draws, 500);
    CHECK(s.run(prompt) == 500);
    CHECK(s.run(prompt) == 1);
    CHECK(s.run(some(draws, 500)) == 500);
    REQUIRE(log.size() == 1);
    CHECK(log[0].find("file/folder") != std::string::npos);
    // Nor does one that vanishes.
    const std::string gone = dir / "gone";
    const Stored other({{kAll}, 0}, kPlenty, gone);
    fs::remove_all(gone);
    CHECK(other.run(prompt) == 500);
    CHECK(other.run(prompt) == 1);
}

TEST_CASE("prefix folder: memory that is refused while files are read") {
    for (const Kind& kind : kKinds) {
        const TemporaryDirectory dir;
        Draws draws(57);
        const auto prompt = some(draws, 600);
        Stored(kind, kPlenty, dir.path()).run(prompt);
        for (std::size_t n = 0; n < 12; ++n) {
            Stored other(kind, 1, dir.path());
            Sequence s = other.sequence();
            REQUIRE(s.append(prompt).ok());
            other.f.host.refuse_from = n;
            s.recall(1);
            other.f.host.refuse_from = SIZE_MAX;
            CHECK(other.store->stats().files_refused == 0);
            REQUIRE(evaluate(s, 300));
            check_logits(other.f, s);
        }
    }
}

TEST_CASE("prefix folder: two processes write, read and evict at the same time") {
    const TemporaryDirectory dir;
    constexpr int kProcesses = 3;
    const int rounds = kThin ? 10 : 60;
    // Nothing of the parent's threads lives on in a child: none has been started.
    const auto work = [&](std::uint64_t seed) {
        Draws common(58), own(seed);
        std::vector<std::vector<std::int32_t>> prompts;
        prompts.reserve(4);
        for (int i = 0; i < 4; ++i) prompts.push_back(some(common, 300 + 100 * static_cast<std::size_t>(i)));
        const Kind kinds[] = {{{kAll}, 0}, {{kAll, kWindow}, 1}};
        for (int round = 0; round < rounds; ++round) {
            const Kind& kind = kinds[own.below(2)];
            const Stored s(kind, own.below(2) == 0 ? 1 : kPlenty, dir.path(), 60000);
            Sequence q = s.sequence();
            if (!q.append(prompts[own.below(4)]).ok()) return 1;
            q.recall(1);
            for (std::size_t left = q.missing(); left > 0; left = q.missing()) {
                const auto batch = q.next_batch(std::min<std::size_t>(left, 300), left <= 300 ? 1 : 0);
                if (!batch.ok()) return 2;
                Toy::store(*batch);
                q.done(batch->tokens.size(), left <= 300 ? Toy::logits(*batch) : std::vector<float>());
            }
            if (!std::ranges::equal(q.logits(), Toy::expected(*s.f.layout, q.tokens()))) return 3;
            if (s.store->stats().files_refused != 0) return 4;
            if (round % 20 == 19) s.store->clear();
        }
        return 0;
    };
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) _exit(work(100 + static_cast<std::uint64_t>(i)));
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
    }
    for (const fs::path& file : files_in(dir.path())) CHECK(file.extension() == ".prefix");
}

}  // namespace hearth::test
