// The writer of random models in examples/tiny_model, which other tests and the quickstart build on.
#include <cmath>
#include <cstring>
#include <set>

#include <doctest/doctest.h>

#include "../../examples/tiny_model/model.cpp"
#include "../../examples/tiny_model/vocabulary.cpp"
#include "hearth/formats/gguf.hpp"
#include "support/golden.hpp"

namespace hearth {

namespace {

struct Model {
    std::vector<std::byte> bytes;
    std::unique_ptr<Gguf> file;
};

Model make(const tiny::Shape& shape) {
    GgufWriter writer;
    const Status added = tiny::add_model(writer, shape);
    REQUIRE_MESSAGE(added.ok(), added.message());
    auto parts = writer.write_parts();
    REQUIRE_MESSAGE(parts.ok(), parts.status().message());
    Model out{std::move(parts->front()), nullptr};
    auto source = open_memory(out.bytes);
    REQUIRE(source.ok());
    auto file = Gguf::open(*std::move(source));
    REQUIRE_MESSAGE(file.ok(), file.status().message());
    out.file = *std::move(file);
    return out;
}

std::vector<float> values(const Model& model, const char* name) {
    const TensorInfo* info = model.file->find(name);
    REQUIRE(info != nullptr);
    const Codec* codec = find_codec(info->type);
    std::vector<float> out(info->elements());
    codec->decode(model.file->view(*info).data(), out.size() / codec->block_values, out.data());
    return out;
}

const std::vector<std::string>& strings(const Model& model, const char* key) {
    const auto list = model.file->metadata().get_strings(key);
    REQUIRE(list.ok());
    REQUIRE(*list != nullptr);
    return **list;
}

tiny::Shape small() {
    tiny::Shape shape;
    shape.vocab = 300;
    shape.ffn = 256;
    return shape;
}

}  // namespace

TEST_CASE("tiny model: every architecture and type makes a file that opens, the same each time") {
    for (const std::string& arch : tiny::architectures()) {
        for (const std::string& type : tiny::types()) {
            // The types do not depend on the architecture: all of them once.
            if (arch != "llama" && type != "F16" && type != "Q4_K_M") continue;
            CAPTURE(arch);
            CAPTURE(type);
            tiny::Shape shape = small();
            shape.arch = arch;
            shape.type = type;
            const Model model = make(shape);
            CHECK(*model.file->metadata().find("general.architecture") == MetaValue(arch));
            const std::string codec = type == "Q4_K_M" ? "Q4_K" : type;
            CHECK(find_codec(model.file->find("blk.0.attn_output.weight")->type)->name == codec);
            CHECK(find_codec(model.file->find("blk.0.attn_norm.weight")->type)->name == "F32");
            if (type == "F16") CHECK(make(shape).bytes == model.bytes);
        }
    }
}

TEST_CASE("tiny model: tensors and keys are those of the golden files of the family") {
    std::size_t missing = 0;
    for (const std::string& arch : tiny::architectures()) {
        const auto path = test::shared_or_golden("families/" + arch + ".gguf");
        if (!std::filesystem::exists(path)) {
            ++missing;
            continue;
        }
        CAPTURE(arch);
        const auto golden = Gguf::open_path(path.string());
        REQUIRE(golden.ok());
        tiny::Shape shape = small();
        shape.arch = arch;
        shape.layers = *(*(*golden)->metadata().get_uint(arch + ".block_count"));
        const Model model = make(shape);
        const auto names = [](const Gguf& file) {
            std::set<std::string> out;
            // phi3's two tables of frequency factors belong to its long-context variants.
            for (const TensorInfo& t : file.tensors()) {
                if (!t.name.starts_with("rope_factors_")) out.insert(t.name + "/" + std::to_string(t.dims));
            }
            return out;
        };
        CHECK(names(*model.file) == names(**golden));
        const std::set<std::string> optional = {arch + ".rope.scaling.attn_factor"};
        for (const auto& [key, value] : (*golden)->metadata().values()) {
            if (optional.contains(key)) continue;
            REQUIRE_MESSAGE(model.file->metadata().find(key) != nullptr, key);
            CHECK_MESSAGE(model.file->stored_type(key) == (*golden)->stored_type(key), key);
        }
    }
    if (missing > 0) test::skipped("golden families", missing);
}

TEST_CASE("tiny model: shapes follow the options") {
    tiny::Shape shape = small();
    shape.layers = 5;
    shape.embd = 96;
    shape.heads = 6;
    shape.kv_heads = 3;
    shape.ffn = 40;
    const Model model = make(shape);
    const auto is = [&](const char* name, std::vector<std::uint64_t> expected) {
        const TensorInfo* info = model.file->find(name);
        REQUIRE_MESSAGE(info != nullptr, name);
        CHECK_MESSAGE(std::vector<std::uint64_t>(info->shape.begin(), info->shape.begin() + info->dims) == expected,
                      name);
    };
    is("token_embd.weight", {96, 300});
    is("output.weight", {96, 300});
    is("blk.4.attn_q.weight", {96, 96});
    is("blk.4.attn_k.weight", {96, 48});
    is("blk.4.ffn_down.weight", {40, 96});
    CHECK(model.file->find("blk.5.attn_q.weight") == nullptr);
}

TEST_CASE("tiny model: weights have the stated spread and depend on the seed") {
    tiny::Shape shape = small();
    const Model one = make(shape);
    shape.seed = 2;
    const Model two = make(shape);
    const auto a = values(one, "blk.1.attn_q.weight"), b = values(two, "blk.1.attn_q.weight");
    CHECK(a != b);
    CHECK(a != values(one, "blk.0.attn_q.weight"));
    double sum = 0, squares = 0;
    for (float v : a) {
        sum += v;
        squares += static_cast<double>(v) * v;
    }
    const double n = static_cast<double>(a.size());
    CHECK(std::abs(sum / n) < 5 / 16.0 / std::sqrt(n));
    CHECK(std::sqrt(squares / n) == doctest::Approx(1 / 16.0).epsilon(0.02));
    for (float v : values(one, "output_norm.weight")) CHECK(std::abs(v - 1) <= 0.1f);
}

TEST_CASE("tiny model: SentencePiece pieces are unique and reachable by merging") {
    for (std::uint64_t tokens : {259u, 260u, 300u, 5000u}) {
        tiny::Shape shape = small();
        shape.vocab = tokens;
        const Model model = make(shape);
        const auto& texts = strings(model, "tokenizer.ggml.tokens");
        REQUIRE(texts.size() == tokens);
        const std::set<std::string> all(texts.begin(), texts.end());
        CHECK(all.size() == texts.size());
        CHECK(texts[3] == "<0x00>");
        CHECK(texts[258] == "<0xFF>");
        for (std::size_t i = 259; i < texts.size(); ++i) {
            const std::string& piece = texts[i];
            const bool one = piece.size() == 1 || piece == "\u2581";
            CHECK_MESSAGE((one || all.contains(piece.substr(0, piece.size() - 1))), piece);
        }
        CHECK(std::get<std::vector<double>>(*model.file->metadata().find("tokenizer.ggml.scores")).size() == tokens);
        CHECK(std::get<std::vector<std::int64_t>>(*model.file->metadata().find("tokenizer.ggml.token_type")).size() ==
              tokens);
    }
}

TEST_CASE("tiny model: each merge joins two tokens into one") {
    tiny::Shape shape = small();
    shape.vocab = 1000;
    shape.merges = true;
    const Model model = make(shape);
    const auto& texts = strings(model, "tokenizer.ggml.tokens");
    const auto& merges = strings(model, "tokenizer.ggml.merges");
    const std::set<std::string> all(texts.begin(), texts.end());
    CHECK(all.size() == 1000);
    REQUIRE(merges.size() == 1000 - 259);
    for (const std::string& line : merges) {
        const std::size_t at = line.find(' ', 1);
        REQUIRE(at != std::string::npos);
        CHECK(all.contains(line.substr(0, at)));
        CHECK(all.contains(line.substr(at + 1)));
        CHECK(all.contains(line.substr(0, at) + line.substr(at + 1)));
    }
}

TEST_CASE("tiny model: sizes that make no model are refused") {
    const auto refused = [](auto change, const char* word) {
        tiny::Shape shape = small();
        change(shape);
        GgufWriter writer;
        const Status status = tiny::add_model(writer, shape);
        CHECK(status.code() == Code::invalid_argument);
        CHECK_MESSAGE(status.message().find(word) != std::string::npos, status.message());
    };
    refused([](tiny::Shape& s) { s.arch = "gpt2"; }, "gpt2");
    refused([](tiny::Shape& s) { s.type = "Q9"; }, "Q9");
    refused([](tiny::Shape& s) { s.layers = 0; }, "0");
    refused([](tiny::Shape& s) { s.embd = ~std::uint64_t{0}; }, "expected 1 to");
    refused([](tiny::Shape& s) { s.heads = 3; }, "heads");
    refused([](tiny::Shape& s) { s.kv_heads = 3; }, "kv-heads");
    refused([](tiny::Shape& s) { s.vocab = 258; }, "259");
    refused([](tiny::Shape& s) { s.type = "Q4_K", s.embd = 128; }, "multiple of 256");
}

}  // namespace hearth
