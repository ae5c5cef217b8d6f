#include "hearth/formats/gguf_writer.hpp"

#include <doctest/doctest.h>

#include "hearth/codecs/codec_id.hpp"
#include "hearth/formats/gguf.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t eight[] = {8};

void refused(const Status& status, Code code, std::initializer_list<const char*> words) {
    CHECK(status.code() == code);
    for (const char* word : words)
        CHECK_MESSAGE(status.message().find(word) != std::string::npos, word << " in: " << status.message());
}

std::unique_ptr<Gguf> reopened(const GgufWriter& writer, std::vector<std::byte>& bytes) {
    auto parts = writer.write_parts();
    REQUIRE_MESSAGE(parts.ok(), parts.status().message());
    bytes = std::move(parts->front());
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    auto file = Gguf::open(*std::move(source));
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    return *std::move(file);
}

}  // namespace

TEST_CASE("gguf writer: without a type, numbers take 32 bits where they fit") {
    GgufWriter writer;
    const auto set = [&](const char* key, MetaValue value) { REQUIRE(writer.set(key, std::move(value)).ok()); };
    set("u32", std::uint64_t{4294967295});
    set("u64", std::uint64_t{4294967296});
    set("i32", std::int64_t{-5});
    set("i64", std::int64_t{-3000000000});
    set("f32", 0.1);
    set("f64", 1e300);
    set("bool", false);
    set("text", std::string("x"));
    set("u64s", std::vector<std::uint64_t>{1, 4294967296});
    set("f32s", std::vector<double>{1, 2});
    std::vector<std::byte> bytes;
    const auto file = reopened(writer, bytes);
    CHECK(file->stored_type("u32") == GgufType::u32);
    CHECK(file->stored_type("u64") == GgufType::u64);
    CHECK(file->stored_type("i32") == GgufType::i32);
    CHECK(file->stored_type("i64") == GgufType::i64);
    CHECK(file->stored_type("f32") == GgufType::f32);
    CHECK(file->stored_type("f64") == GgufType::f64);
    CHECK(file->stored_type("bool") == GgufType::boolean);
    CHECK(file->stored_type("text") == GgufType::string);
    CHECK(file->stored_type("u64s") == GgufType::u64);
    CHECK(file->stored_type("f32s") == GgufType::f32);
    CHECK(std::get<double>(*file->metadata().find("f32")) == 0.1f);
}

TEST_CASE("gguf writer: setting a key again replaces its value") {
    GgufWriter writer;
    REQUIRE(writer.set("a.b", std::uint64_t{1}).ok());
    REQUIRE(writer.set("a.b", std::string("two")).ok());
    std::vector<std::byte> bytes;
    const auto file = reopened(writer, bytes);
    CHECK(*file->metadata().find("a.b") == MetaValue(std::string("two")));
    CHECK(file->metadata().values().size() == 1);
}

TEST_CASE("gguf writer: values that do not fit their type are refused") {
    GgufWriter writer;
    const auto check = [&](MetaValue value, GgufType type) {
        refused(writer.set("a.b", std::move(value), type), Code::invalid_argument, {"'a.b'", "type"});
    };
    check(std::uint64_t{256}, GgufType::u8);
    check(std::int64_t{-1}, GgufType::u32);
    check(std::int64_t{128}, GgufType::i8);
    check(~std::uint64_t{0}, GgufType::i64);
    check(1.0, GgufType::u32);
    check(std::uint64_t{1}, GgufType::f32);
    check(1e300, GgufType::f32);
    check(true, GgufType::u8);
    check(std::uint64_t{1}, GgufType::boolean);
    check(std::string("1"), GgufType::u8);
    check(std::uint64_t{1}, GgufType::string);
    check(std::uint64_t{1}, GgufType::array);
    check(std::vector<std::uint64_t>{1, 300}, GgufType::u8);
    check(std::uint64_t{1}, GgufType(99));
    CHECK(writer.set("a.b", std::int64_t{200}, GgufType::u8).ok());  // fits, whatever the kind of integer
}

TEST_CASE("gguf writer: bad keys and tensors are refused") {
    GgufWriter writer;
    refused(writer.set("", true), Code::invalid_argument, {"key", "empty"});
    refused(writer.set("a\n", true), Code::invalid_argument, {"a\\x0a"});
    refused(writer.set(std::string(65536, 'k'), true), Code::invalid_argument, {"65535"});
    refused(writer.set("split.count", std::uint64_t{2}), Code::invalid_argument, {"split.count", "itself"});
    refused(writer.set("general.alignment", std::uint64_t{24}), Code::invalid_argument,
            {"general.alignment", "power of two"});
    refused(writer.set("general.alignment", std::string("32")), Code::invalid_argument, {"general.alignment"});

    const std::vector<std::byte> data(32);
    refused(writer.add_tensor("", 0, eight, data), Code::invalid_argument, {"tensor", "empty"});
    refused(writer.add_tensor(std::string(65, 'n'), 0, eight, data), Code::invalid_argument, {"65", "64"});
    refused(writer.add_tensor("x", 0, {}, data), Code::invalid_argument, {"'x'", "0 dimensions"});
    const std::uint64_t five[] = {1, 1, 1, 1, 1}, zero[] = {8, 0}, odd[] = {33};
    refused(writer.add_tensor("x", 0, five, data), Code::invalid_argument, {"'x'", "5 dimensions"});
    refused(writer.add_tensor("x", 0, zero, data), Code::invalid_argument, {"'x'", "no elements"});
    refused(writer.add_tensor("x", codec_id::Q8_0, odd, data), Code::invalid_argument, {"'x'", "Q8_0", "32"});
    refused(writer.add_tensor("x", 99, eight, data), Code::invalid_argument, {"'x'", "99"});
    refused(writer.add_tensor("x", 0, eight, GgufWriter::Fill()), Code::invalid_argument, {"'x'", "null"});
    REQUIRE(writer.add_tensor("x", 0, eight, data).ok());
    refused(writer.add_tensor("x", 0, eight, data), Code::invalid_argument, {"'x'", "twice"});
    refused(GgufWriter({1, 0}).write_parts().status(), Code::invalid_argument, {"version 1"});
}

TEST_CASE("gguf writer: a tensor must get its bytes, and an error leaves no file") {
    test::TemporaryDirectory dir;
    const auto write = [&](std::size_t bytes, Status end) {
        GgufWriter writer;
        REQUIRE(writer
                    .add_tensor("x", 0, eight,
                                [=](const TensorInfo& info, const GgufWriter::Emit& emit) -> Status {
                                    CHECK(info.bytes == 32);
                                    for (std::size_t i = 0; i < bytes; ++i) HEARTH_TRY(emit(std::vector<std::byte>(1)));
                                    return end;
                                })
                    .ok());
        return writer.write(dir / "x.gguf").status();
    };
    refused(write(31, {}), Code::invalid_argument, {"'x'", "31", "32"});
    refused(write(33, {}), Code::invalid_argument, {"'x'", "33", "32"});
    refused(write(32, {Code::cancelled, "stopped"}), Code::cancelled, {"'x'", "stopped"});
    CHECK(dir.files() == 0);
    refused(GgufWriter().write(dir / "no/such/x.gguf").status(), Code::not_found, {"x.gguf"});
    CHECK(write(32, {}).ok());
    CHECK(dir.files() == 1);
}

}  // namespace hearth
