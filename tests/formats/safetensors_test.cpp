// safetensors files and their indexes: what is read, and what contradicts the format.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "formats/json.hpp"
#include "formats/safetensors.hpp"
#include "hearth/base/rng.hpp"

namespace hearth::formats {

namespace {

struct Draws {
    std::uint64_t seed, at = 0;
    std::size_t next() { return philox4x32(seed, at++, 0)[0]; }
};

std::string file_of(const std::string& header, std::size_t data) {
    std::string out(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
    return out + header + std::string(data, 'd');
}

Result<Safetensors> open(const std::string& bytes) {
    auto source = open_memory(std::as_bytes(std::span(bytes)));
    REQUIRE(source.ok());
    return Safetensors::open(*std::move(source));
}

const std::string good = R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
                         R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"e":{"dtype":"I64","shape":[0,9],"data_offsets":[20,20]}})";

std::string one(const std::string& type, const std::string& shape, const std::string& offsets) {
    return R"({"x":{"dtype":)" + type + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

void check_words(const Status& status, Code code, const std::vector<std::string>& words) {
    CHECK(status.code() == code);
    for (const std::string& word : words)
        CHECK_MESSAGE(status.message().find(word) != std::string::npos, "'" << word << "' in: " << status.message());
}

}  // namespace

TEST_CASE("safetensors: tensors have their names, types, shapes and places") {
    const std::string bytes = file_of(good, 20);
    const auto files = open(bytes);
    REQUIRE(files.ok());
    REQUIRE(files->tensors().size() == 3);
    CHECK(files->tensors()[0].name == "a");
    const StoredTensor* b = files->find("b");
    REQUIRE(b != nullptr);
    CHECK(b->type == SafeType::bf16);
    CHECK(b->shape == std::vector<std::uint64_t>{2, 3});
    CHECK(b->offset == 8 + good.size() + 8);
    CHECK(b->bytes == 12);
    CHECK(b->elements() == 6);
    CHECK(files->find("c") == nullptr);
    CHECK(files->file_bytes() == bytes.size());
}

TEST_CASE("safetensors: headers that contradict the format are refused with the tensor and the reason") {
    struct Case {
        std::string bytes;
        Code code;
        std::vector<std::string> words;
    };
    const std::string huge(8, '\xff');
    const std::vector<Case> cases = {
        {"", Code::malformed, {"0 bytes"}},
        {"1234567", Code::malformed, {"7 bytes"}},
        {huge + "{}", Code::malformed, {"header", "18446744073709551615"}},
        {"version https://git-lfs.github.com/spec/v1\n", Code::malformed, {"git lfs pull"}},
        {file_of("[]", 0), Code::malformed, {"an array", "an object"}},
        {file_of("{\"x\":", 0), Code::malformed, {"not JSON at byte"}},
        {file_of("{\"x\":3}", 0), Code::malformed, {"'x'", "a number", "an object"}},
        {file_of(one("3", "[1]", "[0,1]"), 1), Code::malformed, {"'x'", "dtype"}},
        {file_of(one("\"F5\"", "[1]", "[0,1]"), 1), Code::unsupported, {"'x'", "'F5'"}},
        {file_of(one("\"U8\"", "{}", "[0,1]"), 1), Code::malformed, {"'x'", "shape"}},
        {file_of(one("\"U8\"", "[-1]", "[0,1]"), 1), Code::malformed, {"'x'", "shape"}},
        {file_of(one("\"U8\"", "[1.5]", "[0,1]"), 1), Code::malformed, {"'x'", "shape"}},
        {file_of(one("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), Code::malformed, {"'x'", "9 dimensions"}},
        {file_of(one("\"F32\"", "[4611686018427387904,4]", "[0,1]"), 1), Code::malformed, {"'x'", "more than the 1 bytes"}},
        {file_of(one("\"U8\"", "[1]", "[0]"), 1), Code::malformed, {"'x'", "data_offsets"}},
        {file_of(one("\"U8\"", "[1]", "[0,2]"), 1), Code::malformed, {"'x'", "data_offsets"}},
        {file_of(one("\"U8\"", "[1]", "[1,0]"), 1), Code::malformed, {"'x'", "before its begin"}},
        {file_of(one("\"U8\"", "[1]", "[-1,0]"), 1), Code::malformed, {"'x'", "data_offsets"}},
        {file_of(one("\"F16\"", "[1]", "[0,1]"), 2), Code::malformed, {"'x'", "span 1 bytes", "takes"}},
        {file_of(one("\"U8\"", "[1]", "[1,2]"), 2), Code::malformed, {"'x'", "begins at byte 1", "expected 0"}},
        {file_of(one("\"U8\"", "[1]", "[0,1]"), 2), Code::malformed, {"2 bytes of data", "take 1"}},
        {file_of(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3),
         Code::malformed,
         {"'y'", "begins at byte 1", "expected 2"}},
        {file_of(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2),
         Code::malformed,
         {"'x'", "twice"}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.bytes);
        const auto opened = open(c.bytes);
        REQUIRE(!opened.ok());
        check_words(opened.status(), c.code, c.words);
        CHECK(opened.status().message().find("memory") == 0);  // the name of the source
    }
}

TEST_CASE("safetensors: a file cut at any byte is refused") {
    const std::string bytes = file_of(good, 20);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const std::string cut = bytes.substr(0, size);
        const auto opened = open(cut);
        REQUIRE(!opened.ok());
        REQUIRE(!opened.status().message().empty());
    }
}

TEST_CASE("safetensors: changed bytes never read outside of the file") {
    Draws rng{7};
    for (int round = 0; round < 4000; ++round) {
        std::string bytes = file_of(good, 20);
        for (int i = 0; i < 1 + round % 3; ++i) bytes[rng.next() % (8 + good.size())] = static_cast<char>(rng.next());
        const auto opened = open(bytes);
        if (!opened.ok()) continue;
        for (const StoredTensor& t : opened->tensors()) {
            const auto view = opened->part(t).view(t.offset, t.bytes);
            REQUIRE(view.size() == t.bytes);
        }
    }
}

TEST_CASE("safetensors: shards of an index are joined, and an index that lies is refused") {
    const std::string first = file_of(one("\"U8\"", "[1]", "[0,1]"), 1);
    const std::string second = file_of(R"({"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
    const auto joined = [&](const std::string& index) {
        return Safetensors::open(index, "index.json", [&](const std::string& name) -> Result<std::unique_ptr<ByteSource>> {
            if (name != "1" && name != "2") return Status(Code::not_found, name + ": no such file");
            return open_memory(std::as_bytes(std::span(name == "1" ? first : second)));
        });
    };
    const auto both = joined(R"({"metadata":{},"weight_map":{"x":"1","y":"2"}})");
    REQUIRE(both.ok());
    CHECK(both->tensors().size() == 2);
    CHECK(both->find("x")->part != both->find("y")->part);
    check_words(joined("{}").status(), Code::malformed, {"index.json", "weight_map", "absent"});
    check_words(joined(R"({"weight_map":{}})").status(), Code::malformed, {"index.json", "empty"});
    check_words(joined(R"({"weight_map":{"x":3}})").status(), Code::malformed, {"index.json", "'x'", "a number"});
    for (const char* name : {"../1", "a/b", "..", "", "/1", "1\\u0000"})
        check_words(joined(std::string(R"({"weight_map":{"x":")") + name + "\"}}").status(), Code::malformed, {"'x'", "name of a file beside it"});
    check_words(joined(R"({"weight_map":{"x":"3"}})").status(), Code::not_found, {"3: no such file"});
    check_words(joined(R"({"weight_map":{"x":"2","y":"1"}})").status(), Code::malformed, {"'x'", "'2'", "does not have it"});
    check_words(joined(R"({"weight_map":{"z":"1"}})").status(), Code::malformed, {"'z'", "does not have it"});
}

TEST_CASE("json: values of every kind, and text of any bytes") {
    const auto json = Json::parse(R"({"a":[1,-2,2.0,3.5,18446744073709551615],"s":"x\u20ac","n":null,"t":true,"a2":{},"s":"last"})", "test");
    REQUIRE(json.ok());
    const JsonValue root = json->root();
    CHECK(root.size() == 6);
    CHECK(root["s"].text() == "last");
    CHECK(root["n"].is_null());
    CHECK(!root["n"].given());
    CHECK(!root["none"]["deeper"].exists());
    CHECK(root["t"].boolean() == true);
    std::vector<std::optional<std::int64_t>> whole;
    for (const JsonValue v : root["a"]) whole.push_back(v.integer());
    CHECK(whole == std::vector<std::optional<std::int64_t>>{1, -2, 2, std::nullopt, std::nullopt});
    for (const char* wrong : {"", "{", "[1,]", "{\"a\"}", "\"\xff\"", "1e999", "nul", "[1] 2", "\"\\ud800\""})
        CHECK(!Json::parse(wrong, "test").ok());
    check_words(Json::parse(std::string(100000, '['), "test").status(), Code::unsupported, {"test", "nested"});
    CHECK(Json::parse(std::string(64, '[') + std::string(64, ']'), "test").ok());
    Draws rng{3};
    for (int round = 0; round < 3000; ++round) {
        std::string text = R"({"a":[1,-2,{"b":"c\n"}],"d":1.5e3,"e":[true,false,null]})";
        text[rng.next() % text.size()] = static_cast<char>(rng.next());
        const auto any = Json::parse(text, "test");
        CHECK((any.ok() || !any.status().message().empty()));
    }
}

}  // namespace hearth::formats
