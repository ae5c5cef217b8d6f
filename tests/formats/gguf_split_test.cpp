#include <doctest/doctest.h>

#include "formats/split_name.hpp"
#include "hearth/codecs/codec_id.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "support/gguf_builder.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth {

namespace {

using test::GgufBuilder;

// Seven tensors, three in a part: parts of 3, 3 and 1.
struct Sample {
    std::vector<std::vector<std::byte>> data;
    GgufWriter writer;

    explicit Sample(std::size_t tensors_per_part = 3) : writer({3, tensors_per_part}) {
        REQUIRE(writer.set("general.architecture", std::string("llama")).ok());
        REQUIRE(writer.set("general.alignment", std::uint64_t{64}).ok());
        for (std::size_t i = 0; i < 7; ++i) {
            data.emplace_back(4 * (5 + i), static_cast<std::byte>(i + 1));
            const std::uint64_t shape[] = {5 + i};
            REQUIRE(writer.add_tensor("t." + std::to_string(6 - i), codec_id::F32, shape, std::span(data.back())).ok());
        }
    }
    void check(const Gguf& file) const {
        CHECK(*file.metadata().find("general.architecture") == MetaValue(std::string("llama")));
        REQUIRE(file.tensors().size() == 7);
        for (std::size_t i = 0; i < 7; ++i) {
            const TensorInfo& info = file.tensors()[i];
            CHECK(info.name == "t." + std::to_string(6 - i));
            CHECK(info.part == i / 3);
            CHECK(file.find(info.name) == &info);
            std::vector<std::byte> read(info.bytes);
            CHECK(file.read(info, 0, read).ok());
            CHECK(read == data[i]);
            const auto view = file.view(info);
            CHECK(std::equal(view.begin(), view.end(), data[i].begin(), data[i].end()));
        }
    }
};

void refused(const Result<std::unique_ptr<Gguf>>& file, Code code, const std::vector<std::string>& words) {
    REQUIRE_FALSE(file.ok());
    INFO(file.status().message());
    CHECK(file.status().code() == code);
    for (const std::string& word : words) CHECK_MESSAGE(file.status().message().find(word) != std::string::npos, word);
}

// A part with one tensor.
GgufBuilder part(std::uint16_t number, std::uint16_t count, const char* tensor, std::uint32_t total) {
    return GgufBuilder()
        .header(3, 1, 3)
        .key_u16("split.no", number)
        .key_u16("split.count", count)
        .key_u32("split.tensors.count", total)
        .tensor(tensor, {8}, codec_id::F32, 0)
        .data(32);
}

Result<std::unique_ptr<Gguf>> open_parts(const std::vector<GgufBuilder>& parts) {
    auto first = open_memory(parts[0].bytes());
    REQUIRE(first.ok());
    return Gguf::open(*std::move(first), [&](std::size_t number, std::size_t count) {
        CHECK(number < count);
        REQUIRE(number < parts.size());
        return open_memory(parts[number].bytes());
    });
}

}  // namespace

TEST_CASE("split name: number and count are five digits, counted from 1") {
    CHECK(formats::split_name("dir/m", 0, 3) == "dir/m-00001-of-00003.gguf");
    CHECK(formats::split_name("", 99998, 100000) == "-99999-of-100000.gguf");
    const auto name = formats::parse_split_name("dir/m-00002-of-00003.gguf");
    REQUIRE(name.has_value());
    CHECK(name->prefix == "dir/m");
    CHECK(name->number == 1);
    CHECK(name->count == 3);
    CHECK(formats::parse_split_name("-00001-of-00001.gguf").has_value());
    for (const char* other :
         {"", "m.gguf", "m-0001-of-00003.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf",
          "m-0000a-of-00003.gguf", "m-00001-of-00003.GGUF", "m-00001_of_00003.gguf", "m-00001-of-00003"}) {
        CHECK_MESSAGE(!formats::parse_split_name(other).has_value(), other);
    }
}

TEST_CASE("split gguf: any part opens the model") {
    const Sample sample;
    test::TemporaryDirectory dir;
    const auto names = sample.writer.write(dir / "model.gguf");
    REQUIRE_MESSAGE(names.ok(), names.status().message());
    REQUIRE(*names == std::vector<std::string>{dir / "model-00001-of-00003.gguf", dir / "model-00002-of-00003.gguf",
                                               dir / "model-00003-of-00003.gguf"});
    CHECK(dir.files() == 3);
    std::uint64_t sum = 0;
    for (const auto& name : *names) sum += std::filesystem::file_size(name);
    for (const auto& name : *names) {
        const auto file = Gguf::open_path(name);
        REQUIRE_MESSAGE(file.ok(), file.status().message());
        sample.check(**file);
        CHECK((*file)->name() == names->front());
        CHECK((*file)->file_bytes() == sum);
    }
    // As many tensors as fit into one part make no split model.
    const auto one = Sample(7).writer.write(dir / "whole.gguf");
    REQUIRE(one.ok());
    CHECK(*one == std::vector<std::string>{dir / "whole.gguf"});
}

TEST_CASE("split gguf: the host opens the other parts") {
    const Sample sample;
    const auto parts = sample.writer.write_parts();
    REQUIRE(parts.ok());
    REQUIRE(parts->size() == 3);
    auto first = open_memory((*parts)[0]);
    REQUIRE(first.ok());
    std::vector<std::size_t> asked;
    const auto file = Gguf::open(*std::move(first), [&](std::size_t number, std::size_t count) {
        CHECK(count == 3);
        asked.push_back(number);
        return open_memory((*parts)[number]);
    });
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    CHECK(asked == std::vector<std::size_t>{1, 2});
    sample.check(**file);

    auto again = open_memory((*parts)[0]), second = open_memory((*parts)[1]);
    REQUIRE(again.ok());
    REQUIRE(second.ok());
    refused(Gguf::open(*std::move(again)), Code::invalid_argument, {"part 1 of 3", "other parts"});
    refused(Gguf::open(*std::move(second)), Code::invalid_argument, {"part 2 of 3", "first part"});
    auto third = open_memory((*parts)[0]);
    REQUIRE(third.ok());
    refused(Gguf::open(*std::move(third), [](std::size_t, std::size_t) { return std::unique_ptr<ByteSource>(); }),
            Code::invalid_argument, {"part 2 of 3", "null"});
}

TEST_CASE("split gguf: a missing or foreign part is named") {
    const Sample sample;
    test::TemporaryDirectory dir;
    const auto names = sample.writer.write(dir / "model.gguf");
    REQUIRE(names.ok());
    const auto keep = [&](std::size_t i) { std::filesystem::copy_file((*names)[i], dir / "kept"); };
    const auto restore = [&](std::size_t i) {
        std::filesystem::remove((*names)[i]);
        std::filesystem::rename(dir / "kept", (*names)[i]);
    };
    for (std::size_t i = 0; i < 3; ++i) {
        keep(i);
        std::filesystem::remove((*names)[i]);
        refused(Gguf::open_path((*names)[i == 1 ? 2 : 1]), Code::not_found,
                {(*names)[i], "no such file", i == 0 ? "part 1 of 3" : "of 3"});
        // Another part of the same model under this name.
        std::filesystem::copy_file((*names)[(i + 1) % 3], (*names)[i]);
        const std::string number = std::to_string(i + 1), other = std::to_string((i + 1) % 3 + 1);
        const auto mixed = Gguf::open_path((*names)[i == 1 ? 2 : 1]);
        refused(mixed, i == 0 ? Code::invalid_argument : Code::malformed, {(*names)[i], "part " + other + " of 3"});
        restore(i);
    }
    // A whole file in the place of a part.
    GgufWriter whole;
    keep(2);
    REQUIRE(whole.write((*names)[2]).ok());
    refused(Gguf::open_path((*names)[0]), Code::malformed, {(*names)[2], "part 1 of 1", "part 3 of 3"});
    // By itself it opens: a file may be named like a part and be whole.
    CHECK(Gguf::open_path((*names)[2]).ok());
    restore(2);
    // Renamed files: the pattern is gone, or its count is another.
    std::filesystem::copy_file((*names)[0], dir / "other.gguf");
    refused(Gguf::open_path(dir / "other.gguf"), Code::not_found,
            {"other.gguf", "part 1 of 3", "-00001-of-00003.gguf"});
    std::filesystem::copy_file((*names)[1], dir / "second.gguf");
    refused(Gguf::open_path(dir / "second.gguf"), Code::invalid_argument, {"second.gguf", "part 2 of 3"});
    std::filesystem::copy_file((*names)[0], dir / "model-00001-of-00002.gguf");
    refused(Gguf::open_path(dir / "model-00001-of-00002.gguf"), Code::malformed, {"2 parts", "3"});
    CHECK(Gguf::open_path((*names)[0]).ok());
}

TEST_CASE("split gguf: parts that contradict each other are refused") {
    CHECK(open_parts({part(0, 2, "a", 2), part(1, 2, "b", 2)}).ok());
    refused(open_parts({part(0, 2, "a", 2), part(1, 2, "a", 2)}), Code::malformed, {"'a'", "twice"});
    refused(open_parts({part(0, 2, "a", 3), part(1, 2, "b", 3)}), Code::malformed,
            {"split.tensors.count is 3", "2 tensors"});
    refused(open_parts({part(0, 2, "a", 2), part(0, 2, "b", 2)}), Code::malformed,
            {"part 1 of 2", "expected part 2 of 2"});
    refused(open_parts({part(0, 2, "a", 2), part(1, 3, "b", 2)}), Code::malformed,
            {"part 2 of 3", "expected part 2 of 2"});
    refused(open_parts({part(5, 2, "a", 2)}), Code::malformed, {"split.no is 5", "split.count", "2"});
    refused(open_parts({GgufBuilder().header(3, 0, 1).key_u32("split.count", 4000000000u)}), Code::malformed,
            {"4000000000", "65535"});
    refused(open_parts({GgufBuilder().header(3, 0, 1).key_text("split.count", "2")}), Code::malformed,
            {"split.count", "a string"});
    refused(open_parts({part(0, 2, "a", 2), GgufBuilder().raw("GGUF")}), Code::malformed, {"truncated"});
}

}  // namespace hearth
