// Files that contradict the format, each with what its sentence must say.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "hearth/codecs/codec_id.hpp"
#include "hearth/formats/gguf.hpp"
#include "support/gguf_builder.hpp"

namespace hearth {

namespace {

using test::GgufBuilder;

constexpr std::uint64_t huge = ~std::uint64_t{0};
constexpr std::uint32_t f32 = codec_id::F32, q4_k = codec_id::Q4_K;

struct Hostile {
    std::string what;
    GgufBuilder file;
    Code code;
    std::vector<std::string> words;
};

GgufBuilder one_tensor(std::initializer_list<std::uint64_t> shape, std::uint32_t type, std::uint64_t offset,
                       std::size_t data) {
    return GgufBuilder().header(3, 1, 0).tensor("x.weight", shape, type, offset).data(data);
}

GgufBuilder one_key() { return GgufBuilder().header(3, 0, 1); }

std::vector<Hostile> hostile_headers() {
    using B = GgufBuilder;
    return {
        {"empty file", B(), Code::malformed, {"empty", "GGUF"}},
        {"one byte", B().raw("G"), Code::malformed, {"truncated", "magic", "4 bytes", "has 1"}},
        {"other magic",
         B().raw("ggjt").put<std::uint32_t>(3),
         Code::malformed,
         {"not a GGUF file", "'ggjt'", "'GGUF'"}},
        {"unprintable magic",
         B().raw("\x80\x02}q").put<std::uint32_t>(3),
         Code::malformed,
         {"not a GGUF file", "\\x80\\x02"}},
        {"LFS pointer",
         B().raw("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
         Code::malformed,
         {"Git LFS", "git lfs pull"}},
        {"reversed magic", B().raw("FUGG").put<std::uint32_t>(3), Code::unsupported, {"big-endian", "little-endian"}},
        {"version 1", B().header(1, 0, 0), Code::unsupported, {"version 1", "convert"}},
        {"version 0", B().header(0, 0, 0), Code::unsupported, {"version 0", "2 and 3"}},
        {"version 4", B().header(4, 0, 0), Code::unsupported, {"version 4", "2 and 3"}},
        {"big-endian", B().header(0x03000000, 0, 0), Code::unsupported, {"big-endian", "little-endian"}},
        {"no counts", B().raw("GGUF").put<std::uint32_t>(3), Code::malformed, {"truncated", "number of tensors"}},
        {"tensor count without end",
         B().header(3, huge, 0),
         Code::malformed,
         {"truncated", "18446744073709551615 tensors"}},
        {"tensor count of 2^63", B().header(3, std::uint64_t{1} << 63, 0), Code::malformed, {"truncated", "tensors"}},
        {"tensor count beyond the bytes",
         B().header(3, 4, 0).data(100, 1),
         Code::malformed,
         {"truncated", "4 tensors", "124 bytes"}},
        {"key count without end", B().header(3, 0, huge), Code::malformed, {"truncated", "metadata keys"}},
        {"key count beyond the bytes",
         B().header(3, 0, 8).data(100, 1),
         Code::malformed,
         {"truncated", "8 metadata keys"}},
    };
}

std::vector<Hostile> hostile_metadata() {
    using B = GgufBuilder;
    const std::string long_key(65536, 'k');
    return {
        {"key length without end",
         one_key().put(huge).data(64, 1),
         Code::malformed,
         {"truncated", "metadata key", "18446744073709551615"}},
        {"empty key", one_key().key_u32("", 1).data(64), Code::malformed, {"metadata key", "0", "empty"}},
        {"long key", one_key().key_u32(long_key, 1), Code::malformed, {"metadata key", "65536", "65535"}},
        {"key that is no UTF-8",
         one_key().key_u32("a\xff", 1).data(64),
         Code::malformed,
         {"metadata key", "'a\\xff'", "UTF-8"}},
        {"key with an escape sequence",
         one_key().key_u32("\x1b[2J", 1).data(64),
         Code::malformed,
         {"'\\x1b[2J'", "printable"}},
        {"duplicate key",
         B().header(3, 0, 2).key_u32("general.x", 1).key_u32("general.x", 1),
         Code::malformed,
         {"'general.x'", "twice"}},
        {"unknown value type", one_key().key("a.b", 13).put(huge), Code::malformed, {"'a.b'", "13", "0 to 12"}},
        {"value type without end",
         one_key().key("a.b", 0xffffffff).put(huge),
         Code::malformed,
         {"'a.b'", "4294967295"}},
        {"cut value",
         one_key().key("a.b", 10).put<std::uint32_t>(7),
         Code::malformed,
         {"'a.b'", "truncated", "8 bytes"}},
        {"cut type",
         one_key().text("a.key").put<std::uint8_t>(4),
         Code::malformed,
         {"'a.key'", "truncated", "value type"}},
        {"bool of 2", one_key().key("a.b", 7).put<std::uint8_t>(2), Code::malformed, {"'a.b'", "bool", "2", "0 or 1"}},
        {"bool of 2 in an array",
         one_key().key_array("a.b", 7, 2).raw(std::string("\0\2", 2)),
         Code::malformed,
         {"'a.b'", "bool", "2"}},
        {"string without end",
         one_key().key("a.b", 8).put(huge),
         Code::malformed,
         {"'a.b'", "truncated", "18446744073709551615"}},
        {"array of arrays",
         one_key().key_array("a.b", 9, 1).put<std::uint32_t>(4).put<std::uint64_t>(0),
         Code::unsupported,
         {"'a.b'", "array of arrays"}},
        {"array of an unknown type", one_key().key_array("a.b", 77, 1).put(huge), Code::malformed, {"'a.b'", "77"}},
        {"array of nothing of an unknown type", one_key().key_array("a.b", 77, 0), Code::malformed, {"'a.b'", "77"}},
        {"bytes without end",
         one_key().key_array("a.b", 0, huge).data(8, 1),
         Code::malformed,
         {"'a.b'", "truncated", "18446744073709551615"}},
        {"count that overflows with the size",
         one_key().key_array("a.b", 10, (std::uint64_t{1} << 61) + 1).data(8, 1),
         Code::malformed,
         {"'a.b'", "truncated"}},
        {"strings beyond the bytes",
         one_key().key_array("a.b", 8, 3).data(23, 1),
         Code::malformed,
         {"'a.b'", "3 elements", "8 bytes", "23"}},
        {"string in an array without end",
         one_key().key_array("a.b", 8, 2).text("x").put(huge),
         Code::malformed,
         {"'a.b'", "truncated"}},
        {"alignment 0",
         one_key().key_u32("general.alignment", 0),
         Code::malformed,
         {"general.alignment", "is 0", "power of two"}},
        {"alignment 24",
         one_key().key_u32("general.alignment", 24),
         Code::malformed,
         {"general.alignment", "is 24", "power of two"}},
        {"alignment 4",
         one_key().key_u32("general.alignment", 4),
         Code::malformed,
         {"general.alignment", "is 4", "from 8"}},
        {"alignment 2^31",
         one_key().key_u32("general.alignment", 1u << 31),
         Code::malformed,
         {"general.alignment", "2147483648"}},
        {"alignment 2^63",
         one_key().key("general.alignment", 10).put(std::uint64_t{1} << 63),
         Code::malformed,
         {"general.alignment"}},
        {"alignment as text",
         one_key().key_text("general.alignment", "32"),
         Code::malformed,
         {"general.alignment", "a string"}},
        {"negative alignment",
         one_key().key("general.alignment", 5).put<std::int32_t>(-32),
         Code::malformed,
         {"general.alignment"}},
    };
}

std::vector<Hostile> hostile_tensors() {
    using B = GgufBuilder;
    const auto two = [](std::uint64_t a, std::uint64_t b, const char* second) {
        return B().header(3, 2, 0).tensor("x", {16}, f32, a).tensor(second, {16}, f32, b).data(128);
    };
    return {
        {"empty name", B().header(3, 1, 0).tensor("", {1}, f32, 0).data(64), Code::malformed, {"tensor", "0", "empty"}},
        {"name of 65 bytes",
         B().header(3, 1, 0).tensor(std::string(65, 'n'), {1}, f32, 0).data(64),
         Code::malformed,
         {"tensor name", "65", "64"}},
        {"name that is no UTF-8",
         B().header(3, 1, 0).tensor("\xc0\x80", {1}, f32, 0).data(64),
         Code::malformed,
         {"tensor", "'\\xc0\\x80'", "UTF-8"}},
        {"duplicate name", two(0, 64, "x"), Code::malformed, {"tensor 'x'", "twice"}},
        {"no dimensions", one_tensor({}, f32, 0, 64), Code::malformed, {"'x.weight'", "0 dimensions", "1 to 4"}},
        {"five dimensions",
         one_tensor({1, 1, 1, 1, 1}, f32, 0, 64),
         Code::malformed,
         {"'x.weight'", "5 dimensions", "1 to 4"}},
        {"dimensions without end",
         B().header(3, 1, 0).text("x").put(0xffffffffu).data(64),
         Code::malformed,
         {"'x'", "4294967295 dimensions"}},
        {"zero dimension", one_tensor({32, 0}, f32, 0, 64), Code::malformed, {"'x.weight'", "{32, 0}", "no elements"}},
        {"product of 2^64",
         one_tensor({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, f32, 0, 64),
         Code::malformed,
         {"'x.weight'", "4294967296", "elements"}},
        {"product of 2^63",
         one_tensor({std::uint64_t{1} << 62, 2}, codec_id::I8, 0, 64),
         Code::malformed,
         {"'x.weight'", "elements"}},
        {"negative dimension", one_tensor({huge}, f32, 0, 64), Code::malformed, {"'x.weight'", "elements"}},
        {"bytes of 2^64", one_tensor({std::uint64_t{1} << 62}, f32, 0, 64), Code::malformed, {"'x.weight'", "bytes"}},
        {"rows that are no blocks",
         one_tensor({128, 2}, q4_k, 0, 144),
         Code::malformed,
         {"'x.weight'", "{128, 2}", "multiple of 256", "Q4_K"}},
        {"offset off the alignment",
         one_tensor({8}, f32, 16, 64),
         Code::malformed,
         {"'x.weight'", "offset 16", "alignment 32"}},
        {"data one byte short",
         one_tensor({8}, f32, 0, 31),
         Code::malformed,
         {"truncated", "'x.weight'", "needs bytes 64..96", "has 95"}},
        {"offset beyond the file",
         one_tensor({8}, f32, 1 << 20, 64),
         Code::malformed,
         {"truncated", "'x.weight'", "the file has 128"}},
        {"offset that wraps around",
         one_tensor({8}, f32, huge - 31, 64),
         Code::malformed,
         {"'x.weight'", "beyond any file"}},
        {"end that wraps around",
         one_tensor({std::uint64_t{1} << 60}, f32, huge - (std::uint64_t{1} << 62) + 1, 64),
         Code::malformed,
         {"'x.weight'", "beyond any file"}},
        {"no data at all", B().header(3, 1, 0).tensor("x", {8}, f32, 0), Code::malformed, {"truncated", "'x'"}},
        {"cut tensor",
         B().header(3, 1, 0).text("x").put<std::uint32_t>(4).data(20, 1),
         Code::malformed,
         {"'x'", "truncated", "shape"}},
        {"the same bytes twice", two(0, 0, "y"), Code::malformed, {"'x'", "'y'", "overlap"}},
        {"overlapping bytes", two(0, 32, "y"), Code::malformed, {"'x'", "'y'", "overlap"}},
        {"overlapping bytes in the other order", two(32, 0, "y"), Code::malformed, {"'x'", "'y'", "overlap"}},
    };
}

void check(const std::vector<Hostile>& list) {
    for (const Hostile& hostile : list) {
        INFO(hostile.what);
        auto source = open_memory(hostile.file.bytes());
        REQUIRE(source.ok());
        const auto opened = Gguf::open(*std::move(source));
        REQUIRE_FALSE(opened.ok());
        const std::string& message = opened.status().message();
        INFO(message);
        CHECK(opened.status().code() == hostile.code);
        CHECK(message.find("memory") == 0);  // the name of the source stands in front
        for (const std::string& word : hostile.words) CHECK_MESSAGE(message.find(word) != std::string::npos, word);
        // One line that a terminal can show.
        CHECK(std::none_of(message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }));
        CHECK(message.size() < 400);
    }
}

}  // namespace

TEST_CASE("gguf: hostile headers are refused") { check(hostile_headers()); }
TEST_CASE("gguf: hostile metadata is refused") { check(hostile_metadata()); }
TEST_CASE("gguf: hostile tensors are refused") { check(hostile_tensors()); }

TEST_CASE("gguf: tensors of unknown types are left out, and the file says so") {
    for (const std::uint32_t type : {99U, 4U, 0xffffffffU}) {
        CAPTURE(type);
        const auto file = GgufBuilder().header(3, 2, 0).tensor("x.weight", {32}, type, 1 << 30).tensor("y", {8}, codec_id::F32, 0).data(32);
        auto source = open_memory(file.bytes());
        REQUIRE(source.ok());
        const auto opened = Gguf::open(*std::move(source));
        REQUIRE_MESSAGE(opened.ok(), opened.status().message());
        CHECK((*opened)->tensors().size() == 1);
        CHECK((*opened)->find("x.weight") == nullptr);
        const Status& trouble = (*opened)->troubles().tensor;
        CHECK(trouble.code() == Code::unsupported);
        for (const std::string& word : {std::string("'x.weight'"), "type number " + std::to_string(type), std::string("unknown")})
            CHECK_MESSAGE(trouble.message().find(word) != std::string::npos, trouble.message());
    }
}

TEST_CASE("gguf: the limits themselves are accepted") {
    const auto opens = [](const GgufBuilder& file) {
        auto source = open_memory(file.bytes());
        REQUIRE(source.ok());
        const auto opened = Gguf::open(*std::move(source));
        INFO(opened.status().message());
        CHECK(opened.ok());
    };
    opens(GgufBuilder().header(3, 0, 0));
    opens(GgufBuilder().header(2, 0, 0));
    opens(one_key().key_u32(std::string(65535, 'k'), 1));
    opens(one_key().key_array("a", 8, 0));
    opens(one_key().key_u32("general.alignment", 1u << 26));
    opens(GgufBuilder().header(3, 1, 0).tensor(std::string(64, 'n'), {1, 1, 1, 1}, f32, 0).data(4));
    opens(one_tensor({8}, f32, 64, 96));  // a gap before the data
    // Any order of the data, and other alignments.
    opens(GgufBuilder().header(3, 2, 0).tensor("x", {16}, f32, 64).tensor("y", {16}, f32, 0).data(128));
    opens(GgufBuilder()
              .header(3, 2, 1)
              .key_u32("general.alignment", 8)
              .tensor("x", {2}, f32, 0)
              .tensor("y", {1}, f32, 8)
              .data(12, 8));
    // Values, unlike keys, are any bytes: some vocabularies hold pieces of characters.
    opens(one_key().key_text("a.piece", std::string("\xff\0\n", 3)));
}

TEST_CASE("gguf: a null source is refused") { CHECK(Gguf::open(nullptr).status().code() == Code::invalid_argument); }

}  // namespace hearth
