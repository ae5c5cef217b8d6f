// Right files: what GgufWriter writes, and the golden collection, through every kind of source.
#include "hearth/formats/gguf.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>

#include <doctest/doctest.h>

#include "hearth/base/rng.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth {

namespace {

struct Key {
    const char* name;
    GgufType type;
    MetaValue value;
};

// Each type as scalar, array and empty array, with its extremes.
std::vector<Key> all_keys() {
    using U = std::vector<std::uint64_t>;
    using I = std::vector<std::int64_t>;
    using D = std::vector<double>;
    using S = std::vector<std::string>;
    const double inf = std::numeric_limits<double>::infinity();
    return {
        {"general.architecture", GgufType::string, std::string("llama")},
        {"s.u8", GgufType::u8, std::uint64_t{255}},
        {"s.i8", GgufType::i8, std::int64_t{-128}},
        {"s.u16", GgufType::u16, std::uint64_t{65535}},
        {"s.i16", GgufType::i16, std::int64_t{-32768}},
        {"s.u32", GgufType::u32, std::uint64_t{4294967295}},
        {"s.i32", GgufType::i32, std::int64_t{-2147483647 - 1}},
        {"s.f32", GgufType::f32, 0.1f},
        {"s.bool", GgufType::boolean, true},
        {"s.text", GgufType::string, std::string("a\0b\xff\n", 5)},
        {"s.empty", GgufType::string, std::string()},
        {"s.u64", GgufType::u64, ~std::uint64_t{0}},
        {"s.i64", GgufType::i64, std::numeric_limits<std::int64_t>::min()},
        {"s.f64", GgufType::f64, 0.1},
        {"a.u8", GgufType::u8, U{0, 255}},
        {"a.i8", GgufType::i8, I{-128, 127}},
        {"a.u16", GgufType::u16, U{0, 65535}},
        {"a.i16", GgufType::i16, I{-32768, 32767}},
        {"a.u32", GgufType::u32, U{0, 4294967295}},
        {"a.i32", GgufType::i32, I{-1, 1}},
        {"a.f32", GgufType::f32, D{-0.0, 1e-45f, inf, -inf, 3.4028234663852886e38}},
        {"a.bool", GgufType::boolean, std::vector<bool>{true, false, false, true}},
        {"a.text", GgufType::string, S{"", "▁the", std::string("\0\xff", 2)}},
        {"a.u64", GgufType::u64, U{1, ~std::uint64_t{0}}},
        {"a.i64", GgufType::i64, I{std::numeric_limits<std::int64_t>::min(), 7}},
        {"a.f64", GgufType::f64, D{1e300, 5e-324}},
        {"e.u8", GgufType::u8, U{}},
        {"e.i64", GgufType::i64, I{}},
        {"e.f32", GgufType::f32, D{}},
        {"e.bool", GgufType::boolean, std::vector<bool>{}},
        {"e.text", GgufType::string, S{}},
        {"größe", GgufType::u32, std::uint64_t{1}},
    };
}

// Two tensors of every type that the codecs know, filled with numbers.
struct Sample {
    std::vector<std::vector<std::byte>> data;
    GgufWriter writer;

    explicit Sample(GgufWriter::Options options = {}, std::uint64_t alignment = 32) : writer(options) {
        for (const Key& key : all_keys()) REQUIRE(writer.set(key.name, key.value, key.type).ok());
        if (alignment != 32) REQUIRE(writer.set("general.alignment", alignment).ok());
        for (const Codec& codec : codec_list()) {
            const std::uint64_t row = codec.block_values;
            add(codec, "one", {row});
            add(codec, "four", {row * 3, 5, 2, 1});
        }
    }
    void add(const Codec& codec, const char* suffix, std::vector<std::uint64_t> shape) {
        std::uint64_t rows = 1;
        for (std::size_t d = 1; d < shape.size(); ++d) rows *= shape[d];
        std::vector<std::byte> bytes(rows * codec.row_bytes(shape[0]));
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<std::byte>(philox4x32(codec.id, i, data.size())[0]);
        data.push_back(std::move(bytes));
        // The bytes are borrowed: moving the outer vector does not move them.
        REQUIRE(
            writer.add_tensor(std::string(codec.name) + "." + suffix, codec.id, shape, std::span(data.back())).ok());
    }
};

void check_metadata(const Gguf& file) {
    for (const Key& key : all_keys()) {
        INFO(key.name);
        const MetaValue* value = file.metadata().find(key.name);
        REQUIRE(value != nullptr);
        CHECK(*value == key.value);
        CHECK(file.stored_type(key.name) == key.type);
    }
    CHECK(std::signbit(std::get<std::vector<double>>(*file.metadata().find("a.f32"))[0]));
    CHECK_FALSE(file.stored_type("missing").has_value());
}

// view() where the source maps, read() in pieces always.
void check_tensors(const Gguf& file, const Sample& sample, bool mapped) {
    REQUIRE(file.tensors().size() == sample.data.size());
    for (std::size_t i = 0; i < sample.data.size(); ++i) {
        const TensorInfo& info = file.tensors()[i];
        const auto& bytes = sample.data[i];
        INFO(info.name);
        CHECK(file.find(info.name) == &info);
        REQUIRE(info.bytes == bytes.size());
        CHECK(info.elements() / info.shape[0] == info.rows());
        const auto view = file.view(info);
        REQUIRE(view.size() == (mapped ? bytes.size() : 0));
        if (mapped) CHECK(std::memcmp(view.data(), bytes.data(), bytes.size()) == 0);
        const std::size_t cut = bytes.size() / 3;
        std::vector<std::byte> read(bytes.size());
        CHECK(file.read(info, 0, std::span(read).first(cut)).ok());
        CHECK(file.read(info, cut, std::span(read).subspan(cut)).ok());
        CHECK(read == bytes);
        CHECK(file.read(info, bytes.size(), {}).ok());
        CHECK(file.read(info, 1, read).code() == Code::invalid_argument);
        CHECK(file.read(info, ~std::uint64_t{0}, std::span(read).first(1)).code() == Code::invalid_argument);
        file.release(info);
        CHECK(file.read(info, 0, read).ok());
        CHECK(read == bytes);
    }
    CHECK(file.find("nothing of this name") == nullptr);
    CHECK(file.find("") == nullptr);
    // A tensor of another file.
    TensorInfo foreign = file.tensors()[0];
    foreign.part = 70000;
    std::byte one[1];
    CHECK(file.view(foreign).empty());
    CHECK(file.read(foreign, 0, one).code() == Code::invalid_argument);
    foreign = file.tensors()[0];
    foreign.bytes = foreign.offset = ~std::uint64_t{0} / 2;
    CHECK(file.view(foreign).empty());
    CHECK(file.read(foreign, 1, one).code() == Code::io);
}

int read_vector(std::uint64_t offset, void* dst, std::size_t bytes, void* user) {
    std::memcpy(dst, static_cast<std::vector<std::byte>*>(user)->data() + offset, bytes);
    return 0;
}

std::vector<std::byte> only_part(const GgufWriter& writer) {
    auto parts = writer.write_parts();
    REQUIRE_MESSAGE(parts.ok(), parts.status().message());
    REQUIRE(parts->size() == 1);
    return parts->front();
}

template <class T>
T number_at(const std::vector<std::byte>& bytes, std::size_t at) {
    T out;
    REQUIRE(at + sizeof out <= bytes.size());
    std::memcpy(&out, bytes.data() + at, sizeof out);
    return out;
}

}  // namespace

TEST_CASE("gguf: what is written is read, from every source, in both versions and other alignments") {
    for (std::uint32_t version : {2u, 3u}) {
        for (std::uint64_t alignment : {8u, 32u, 4096u}) {
            CAPTURE(version);
            CAPTURE(alignment);
            Sample sample({version, 0}, alignment);
            test::TemporaryDirectory dir;
            const auto names = sample.writer.write(dir / "a.gguf");
            REQUIRE_MESSAGE(names.ok(), names.status().message());
            CHECK(*names == std::vector<std::string>{dir / "a.gguf"});
            CHECK(dir.files() == 1);
            auto bytes = only_part(sample.writer);
            CHECK(test::read_bytes(dir / "a.gguf") == bytes);
            CHECK(bytes.size() % alignment == 0);

            const auto check = [&](Result<std::unique_ptr<Gguf>> file, bool mapped) {
                REQUIRE_MESSAGE(file.ok(), file.status().message());
                CHECK((*file)->version() == version);
                CHECK((*file)->file_bytes() == bytes.size());
                check_metadata(**file);
                check_tensors(**file, sample, mapped);
                for (const TensorInfo& info : (*file)->tensors()) CHECK(info.offset % alignment == 0);
            };
            check(Gguf::open_path(dir / "a.gguf"), true);
            const int fd = open((dir / "a.gguf").c_str(), O_RDONLY);
            auto by_fd = open_fd(fd);
            close(fd);
            REQUIRE(by_fd.ok());
            check(Gguf::open(*std::move(by_fd)), true);
            auto memory = open_memory(bytes);
            REQUIRE(memory.ok());
            check(Gguf::open(*std::move(memory)), true);
            auto reader = open_reader({read_vector, bytes.size(), &bytes});
            REQUIRE(reader.ok());
            check(Gguf::open(*std::move(reader)), false);
        }
    }
}

TEST_CASE("gguf: a copy through set_all is the same file") {
    Sample sample({}, 64);
    const auto bytes = only_part(sample.writer);
    auto source = open_memory(bytes);
    REQUIRE(source.ok());
    const auto file = Gguf::open(*std::move(source));
    REQUIRE(file.ok());
    GgufWriter copy;
    REQUIRE(copy.set_all(**file).ok());
    for (const TensorInfo& info : (*file)->tensors()) {
        REQUIRE(
            copy.add_tensor(info.name, info.type, std::span(info.shape).first(info.dims), (*file)->view(info)).ok());
    }
    CHECK(only_part(copy) == bytes);
}

TEST_CASE("gguf: opening through a reader asks for the header only") {
    struct Counting {
        std::vector<std::byte> bytes;
        std::uint64_t furthest = 0;
    } host;
    GgufWriter writer;
    const std::vector<std::byte> data(4 << 20);
    const std::uint64_t shape[] = {1 << 20};
    REQUIRE(writer.add_tensor("big", 0, shape, data).ok());
    host.bytes = only_part(writer);
    auto reader = open_reader({[](std::uint64_t offset, void* dst, std::size_t bytes, void* user) {
                                   auto& h = *static_cast<Counting*>(user);
                                   h.furthest = std::max(h.furthest, offset + bytes);
                                   std::memcpy(dst, h.bytes.data() + offset, bytes);
                                   return 0;
                               },
                               host.bytes.size(), &host});
    REQUIRE(reader.ok());
    REQUIRE(Gguf::open(*std::move(reader)).ok());
    CHECK(host.furthest <= 65536);
}

TEST_CASE("gguf: a reader that fails fails the opening") {
    auto bytes = only_part(Sample().writer);
    for (std::uint64_t good : {0u, 4u, 24u, 200u}) {
        struct Host {
            std::vector<std::byte>* bytes;
            std::uint64_t good;
        } host{&bytes, good};
        auto reader = open_reader({[](std::uint64_t offset, void* dst, std::size_t n, void* user) {
                                       auto& h = *static_cast<Host*>(user);
                                       if (offset + n > h.good) return 5;
                                       std::memcpy(dst, h.bytes->data() + offset, n);
                                       return 0;
                                   },
                                   bytes.size(), &host});
        REQUIRE(reader.ok());
        const auto file = Gguf::open(*std::move(reader));
        REQUIRE_FALSE(file.ok());
        CHECK(file.status().code() == Code::io);
        CHECK(file.status().message().find("code 5") != std::string::npos);
    }
}

TEST_CASE("gguf: opening by path passes on why a file cannot be opened") {
    const auto file = Gguf::open_path("/no/such/model.gguf");
    REQUIRE_FALSE(file.ok());
    CHECK(file.status().code() == Code::not_found);
    CHECK(file.status().message().find("/no/such/model.gguf") != std::string::npos);
}

TEST_CASE("gguf: golden files have the tensors that their headers count, packed without gaps") {
    std::vector<std::filesystem::path> files;
    std::size_t shared_files = 0;
    for (const auto& folder : {test::golden("families"), test::shared("families"), test::shared("vocab")}) {
        if (!std::filesystem::is_directory(folder)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".gguf") continue;
            files.push_back(entry.path());
            shared_files += folder != test::golden("families");
        }
    }
    if (shared_files == 0) test::skipped("folders of golden GGUF files", 2);
    for (const auto& path : files) {
        INFO(path.string());
        const auto opened = Gguf::open_path(path.string());
        REQUIRE_MESSAGE(opened.ok(), opened.status().message());
        const Gguf& file = **opened;
        const auto bytes = test::read_bytes(path);
        CHECK(file.version() == number_at<std::uint32_t>(bytes, 4));
        CHECK(file.tensors().size() == number_at<std::uint64_t>(bytes, 8));
        CHECK(file.metadata().values().size() == number_at<std::uint64_t>(bytes, 16));
        CHECK(file.file_bytes() == bytes.size());
        CHECK(file.metadata().get_string("general.architecture").ok());
        // Writers put tensors one behind the other, padded: any wrong size shows as a gap.
        const auto& tensors = file.tensors();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const std::uint64_t end = (tensors[i].offset + tensors[i].bytes + 31) / 32 * 32;
            CHECK_MESSAGE(end == (i + 1 < tensors.size() ? tensors[i + 1].offset : (bytes.size() + 31) / 32 * 32),
                          tensors[i].name);
        }
        const auto tokens = file.metadata().get_strings("tokenizer.ggml.tokens");
        REQUIRE(tokens.ok());
        if (const TensorInfo* embedding = file.find("token_embd.weight")) {
            REQUIRE(*tokens != nullptr);
            CHECK(embedding->shape[1] == (*tokens)->size());
        }
    }
    MESSAGE(files.size() << " golden files parsed");
}

}  // namespace hearth
