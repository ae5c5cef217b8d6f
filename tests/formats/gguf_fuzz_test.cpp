// Damaged files: cut at every byte, bytes changed at random. Nothing may crash (the sanitizer builds watch), and
// what is allocated stays in proportion to the file, whatever its counts claim.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "fuzz/gguf_fuzz.cpp"
#include "hearth/base/rng.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "support/golden.hpp"

namespace {
std::atomic<std::size_t> allocated{0};
}

// The bytes asked for by everything in this program, counted.
void* operator new(std::size_t bytes) {
    allocated.fetch_add(bytes, std::memory_order_relaxed);
    if (void* block = std::malloc(bytes > 0 ? bytes : 1)) return block;
    throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace hearth {

namespace {

// Every value type, several tensors, less than 1 KiB.
std::vector<std::byte> small_file() {
    GgufWriter writer;
    REQUIRE(writer.set("general.architecture", std::string("llama")).ok());
    REQUIRE(writer.set("general.alignment", std::uint64_t{8}).ok());
    REQUIRE(writer.set("a.u8", std::uint64_t{7}, GgufType::u8).ok());
    REQUIRE(writer.set("a.i16s", std::vector<std::int64_t>{-1, 2, 3}, GgufType::i16).ok());
    REQUIRE(writer.set("a.f", 0.5).ok());
    REQUIRE(writer.set("a.fs", std::vector<double>{1, 2}, GgufType::f64).ok());
    REQUIRE(writer.set("a.b", true).ok());
    REQUIRE(writer.set("a.bs", std::vector<bool>{true, false, true}).ok());
    REQUIRE(writer.set("a.u64", ~std::uint64_t{0}).ok());
    REQUIRE(writer.set("a.tokens", std::vector<std::string>{"<s>", "", "▁the"}).ok());
    static const std::vector<std::byte> data(256, std::byte{1});
    const auto add = [&](const char* name, std::uint32_t type, std::vector<std::uint64_t> shape, std::size_t bytes) {
        REQUIRE(writer.add_tensor(name, type, shape, std::span(data).first(bytes)).ok());
    };
    add("a", codec_id::F32, {4}, 16);
    add("b.weight", codec_id::Q8_0, {32, 2}, 68);
    add("c.weight", codec_id::F16, {3, 2, 2, 1}, 24);
    auto parts = writer.write_parts();
    REQUIRE(parts.ok());
    return parts->front();
}

// Bytes allocated by one run of the entry, which opens the file twice.
std::size_t run(const std::vector<std::byte>& bytes, std::size_t size) {
    // A copy of just these bytes on the heap, so that a sanitizer sees one byte too many.
    const std::vector<std::byte> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const std::size_t before = allocated.load();
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.size());
    return allocated.load() - before;
}

// Two openings: names, messages, values widened to 64 bits, and a reader's window, which is no larger than the file.
constexpr std::size_t allowed(std::size_t file) { return 16384 + 32 * file; }

}  // namespace

TEST_CASE("gguf: a file cut at any byte is refused") {
    const auto bytes = small_file();
    CHECK(bytes.size() < 1024);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        auto source = open_memory(cut);
        REQUIRE(source.ok());
        const auto opened = Gguf::open(*std::move(source));
        // Padding may be missing behind the last tensor: 24 bytes, aligned to 8, so there is none.
        REQUIRE_MESSAGE(!opened.ok(), "cut at byte " << size);
        REQUIRE(opened.status().code() == Code::malformed);
        REQUIRE_MESSAGE((size == 0 || opened.status().message().find("truncated") != std::string::npos),
                        opened.status().message());
        REQUIRE(run(bytes, size) <= allowed(size));
    }
    CHECK(run(bytes, bytes.size()) <= allowed(bytes.size()));
}

TEST_CASE("gguf: random damage never crashes and allocates in proportion") {
    const auto original = small_file();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(test::long_run() ? 180 : 20);
    static constexpr std::uint8_t extreme[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x20, 0x09};
    std::size_t worst = 0;
    std::uint64_t seed = 0;
    for (; seed < (test::long_run() ? 2'000'000U : 20'000U) && std::chrono::steady_clock::now() < deadline; ++seed) {
        auto bytes = original;
        const auto draw = philox4x32(0x6c75, seed, 0);
        const std::uint32_t changes = 1 + draw[0] % 4;
        for (std::uint32_t c = 0; c < changes; ++c) {
            const auto r = philox4x32(0x6c75, seed, 1 + c);
            const std::size_t at = r[0] % bytes.size();
            switch (r[1] % 4) {
                case 0:
                    bytes[at] ^= std::byte{1} << (r[2] % 8);
                    break;
                case 1:
                    bytes[at] = std::byte{extreme[r[2] % sizeof extreme]};
                    break;
                case 2:  // a whole number becomes extreme
                    for (std::size_t i = at; i < std::min(at + 8, bytes.size()); ++i)
                        bytes[i] = std::byte{extreme[r[2] % sizeof extreme]};
                    break;
                default:  // bytes vanish: everything behind moves
                    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + 1 + r[2] % 9)));
            }
            if (bytes.empty()) break;
        }
        const std::size_t used = run(bytes, bytes.size());
        worst = std::max(worst, used);
        REQUIRE_MESSAGE(used <= allowed(bytes.size()), "seed " << seed);
    }
    CHECK(seed >= 2000);
    MESSAGE(seed << " damaged files of " << original.size() << " bytes, at most " << worst << " bytes allocated");
}

TEST_CASE("gguf: damaged headers of real files never crash") {
    const auto path = test::shared("families/llama.gguf");
    if (!std::filesystem::exists(path)) return test::skipped("damaged golden files", 1);
    const auto original = test::read_bytes(path);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(test::long_run() ? 180 : 10);
    std::uint64_t seed = 0;
    for (; seed < (test::long_run() ? 100'000U : 1000U) && std::chrono::steady_clock::now() < deadline; ++seed) {
        auto bytes = original;
        for (std::uint32_t c = 0; c < 3; ++c) {
            const auto r = philox4x32(0x676f, seed, c);
            bytes[r[0] % 16384] = static_cast<std::byte>(r[1]);
        }
        REQUIRE_MESSAGE(run(bytes, bytes.size()) <= allowed(bytes.size()), "seed " << seed);
    }
    CHECK(seed >= 100);
}

}  // namespace hearth
