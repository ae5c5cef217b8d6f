// Packed model files: they run as their originals do, to the bit, from every kind of source; what is not the layout of
// this build, is damaged or is no packed file of hearth's is refused or harmless.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "capi/support.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

using Bytes = std::vector<std::byte>;

Bytes read_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

ModelShape small(const char* arch, const char* type) {
    ModelShape s;
    s.arch = arch;
    s.type = type;
    s.layers = 1;
    s.ffn = 256;
    s.vocab = 275;  // no multiple of 16: the last panel of the vocabulary has rows missing
    s.factors = true;
    return s;
}

// A model file on disk and its packed form.
struct Pair {
    TemporaryDirectory directory;
    std::string plain, packed;

    Pair(hearth_runtime* runtime, const ModelFile& model) {
        plain = directory.write("plain.gguf", model.bytes());
        packed = directory / "packed.gguf";
        CHECK_OK(hearth_model_pack(runtime, plain.c_str(), packed.c_str(), nullptr));
    }
};

std::vector<float> logits_of(hearth_model* model) {
    const auto session = make_session(model, 64, HEARTH_KV_F16);
    std::vector<std::int32_t> tokens;
    for (std::int32_t i = 0; i < 40; ++i) tokens.push_back((i * i + 3 * i + 1) % 275);
    append(session.get(), tokens);
    return evaluate(session.get(), true);
}

nlohmann::json inspection(hearth_runtime* runtime, const std::string& path) {
    hearth_text* text = nullptr;
    CHECK_OK(hearth_inspect_path(&text, runtime, path.c_str()));
    const TextPtr owner(text);
    return nlohmann::json::parse(hearth_text_data(text, nullptr));
}

// Where `text` stands in the bytes.
std::size_t place_of(const Bytes& bytes, std::string_view text) {
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t at = all.find(text);
    REQUIRE(at != std::string_view::npos);
    return at;
}

std::int32_t read_span(std::uint64_t offset, void* dst, size_t n, void* user) {
    const auto& bytes = *static_cast<const Bytes*>(user);
    if (offset + n > bytes.size()) return 1;
    std::memcpy(dst, bytes.data() + offset, n);
    return 0;
}

}  // namespace

TEST_CASE("pack: every storage type and family gives the logits of the original, to the bit") {
    const auto runtime = make_runtime(2);
    std::vector<ModelShape> shapes;
    for (const hearth::Codec& codec : hearth::codec_list()) shapes.push_back(small("qwen3", codec.name.data()));
    for (const char* arch : kArchitectures) shapes.push_back(small(arch, "Q4_K"));
    shapes.back().tied = true;
    std::size_t packed = 0;
    for (const ModelShape& shape : shapes) {
        CAPTURE(shape.arch);
        CAPTURE(shape.type);
        TemporaryDirectory directory;
        const std::string plain = directory.write("plain.gguf", ModelFile(shape).bytes());
        const std::string out = directory / "packed.gguf";
        const hearth_status status = hearth_model_pack(runtime.get(), plain.c_str(), out.c_str(), nullptr);
        if (status == HEARTH_EUNSUPPORTED) {  // a type without panels
            CHECK(contains(hearth_last_error(), "has no tensor of a type that is packed"));
            CHECK(directory.files() == 1);
            continue;
        }
        REQUIRE(status == HEARTH_OK);
        ++packed;
        const auto first = open_model(runtime.get(), plain), second = open_model(runtime.get(), out);
        CHECK(same_bits(logits_of(first.get()), logits_of(second.get())));
        CHECK(hearth_model_decode_bytes(first.get()) == hearth_model_decode_bytes(second.get()));
        CHECK(hearth_model_weight_bytes(first.get()) == hearth_model_weight_bytes(second.get()));
        const auto info = inspection(runtime.get(), out), before = inspection(runtime.get(), plain);
        CHECK(before["packed"].is_null());
        CHECK(info["packed"]["version"] == 1);
        auto types = nlohmann::json::array({shape.type});
        // Biases of experts, narrow heads, convolutions.
        if (shape.is({"gemma3n", "gemma4", "gpt-oss"}) || shape.latent() || shape.delta() || shape.short_conv())
            types.insert(types.begin(), "F32");
        CHECK(info["packed"]["types"] == types);
        for (const char* key : {"parameters", "tensors", "context_length", "layers", "vocabulary", "memory", "name"})
            CHECK(info[key] == before[key]);
    }
    CHECK(packed >= 8 + std::size(kArchitectures));
}

TEST_CASE("pack: path, descriptor, memory and reader give the same; the budget counts the weights wherever they are") {
    const auto runtime = make_runtime(2);
    const Pair files(runtime.get(), ModelFile(small("phi3", "Q6_K")));
    const auto expected = logits_of(open_model(runtime.get(), files.plain).get());
    REQUIRE(hearth_runtime_memory(runtime.get()) == 0);
    hearth_model* m = nullptr;
    const auto check = [&](hearth_status status) {
        CHECK_OK(status);
        const ModelPtr model(m);
        CHECK(hearth_runtime_memory(runtime.get()) == hearth_model_weight_bytes(model.get()));
        CHECK(same_bits(logits_of(model.get()), expected));
    };
    check(hearth_model_open_path(&m, runtime.get(), files.packed.c_str(), nullptr));
    const int fd = open(files.packed.c_str(), O_RDONLY);
    REQUIRE(fd >= 0);
    const hearth_status by_fd = hearth_model_open_fd(&m, runtime.get(), fd, nullptr);
    close(fd);
    check(by_fd);
    {
        Bytes bytes = read_bytes(files.packed);
        const hearth_status status = hearth_model_open_memory(&m, runtime.get(), bytes.data(), bytes.size(), nullptr);
        std::ranges::fill(bytes, std::byte{0xff});  // the caller's again
        check(status);
    }
    {
        Bytes bytes = read_bytes(files.packed);
        const hearth_reader reader{sizeof(hearth_reader), bytes.size(), read_span, &bytes};
        const hearth_status status = hearth_model_open_reader(&m, runtime.get(), &reader, nullptr);
        std::ranges::fill(bytes, std::byte{0xff});
        check(status);
    }
    CHECK(hearth_runtime_memory(runtime.get()) == 0);
    // The mapping outlives the file's name and the model's handle.
    const auto model = open_model(runtime.get(), files.packed);
    CHECK(unlink(files.packed.c_str()) == 0);
    const auto session = make_session(model.get(), 64, HEARTH_KV_F16);
    CHECK(same_bits(logits_of(model.get()), expected));

    const auto tight = make_runtime(1, nullptr, hearth_model_weight_bytes(model.get()) - 1);
    CHECK_OK(hearth_model_pack(tight.get(), files.plain.c_str(), files.packed.c_str(), nullptr));
    CHECK_FAILS(hearth_model_open_path(&m, tight.get(), files.packed.c_str(), nullptr), HEARTH_EBUDGET, "packed.gguf",
                "the weights", std::to_string(hearth_model_weight_bytes(model.get())));
}

TEST_CASE("pack: a split model becomes one file, a model may replace itself, metadata is kept") {
    const auto runtime = make_runtime(2);
    const TemporaryDirectory directory;
    ModelFile model(small("llama", "Q8_0"));
    model.keys["tokenizer.chat_template"] = std::string("{{ messages }}");
    model.keys["general.quantized_by"] = std::string("somebody");
    const auto parts = model.parts(4);
    REQUIRE(parts.size() > 2);
    std::string any;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        char name[64];
        std::snprintf(name, sizeof name, "m-%05zu-of-%05zu.gguf", i + 1, parts.size());
        any = directory.write(name, parts[i]);
    }
    const std::string out = directory / "whole.gguf", plain = directory.write("plain.gguf", model.bytes());
    CHECK_OK(hearth_model_pack(runtime.get(), any.c_str(), out.c_str(), nullptr));
    const auto expected = logits_of(open_model(runtime.get(), plain).get());
    const auto packed = open_model(runtime.get(), out);
    CHECK(same_bits(logits_of(packed.get()), expected));
    hearth_text* text = nullptr;
    CHECK_OK(hearth_model_metadata(&text, packed.get(), "tokenizer.chat_template"));
    CHECK(std::string(hearth_text_data(text, nullptr)) == "{{ messages }}");
    hearth_text_free(text);
    CHECK(hearth_model_metadata(&text, packed.get(), "split.count") == HEARTH_ENOTFOUND);
    CHECK_OK(hearth_model_pack(runtime.get(), plain.c_str(), plain.c_str(), nullptr));
    CHECK(same_bits(logits_of(open_model(runtime.get(), plain).get()), expected));
    CHECK(read_bytes(plain) == read_bytes(out));
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_open_path(&t, out.c_str()));
    CHECK(hearth_tokenizer_size(t) == 275);
    hearth_tokenizer_free(t);
}

TEST_CASE("pack: what cannot be packed is refused and leaves nothing behind") {
    const auto runtime = make_runtime(2);
    const Pair files(runtime.get(), ModelFile(small("llama", "Q4_0")));
    const std::string out = files.directory / "out.gguf";
    const std::size_t before = files.directory.files();
    CHECK_FAILS(hearth_model_pack(runtime.get(), files.packed.c_str(), out.c_str(), nullptr), HEARTH_EINVAL,
                "packed already");
    CHECK_FAILS(hearth_model_pack(runtime.get(), "/no/such.gguf", out.c_str(), nullptr), HEARTH_ENOTFOUND, "no such");
    CHECK_FAILS(hearth_model_pack(runtime.get(), files.plain.c_str(), "/no/such/out.gguf", nullptr), HEARTH_ENOTFOUND,
                "/no/such/out.gguf");
    CHECK_FAILS(hearth_model_pack(nullptr, files.plain.c_str(), out.c_str(), nullptr), HEARTH_EINVAL, "runtime");
    CHECK_FAILS(hearth_model_pack(runtime.get(), nullptr, out.c_str(), nullptr), HEARTH_EINVAL, "path");
    CHECK_FAILS(hearth_model_pack(runtime.get(), files.plain.c_str(), nullptr, nullptr), HEARTH_EINVAL, "packed_path");
    hearth_pack_options options;
    CHECK_OK(hearth_pack_options_init(&options, sizeof options));
    options.flags = 1;
    CHECK_FAILS(hearth_model_pack(runtime.get(), files.plain.c_str(), out.c_str(), &options), HEARTH_EINVAL, "flags");
    ModelFile strange(small("llama", "Q4_0"));
    strange.keys["general.architecture"] = std::string("unheard");
    const std::string unknown = files.directory.write("strange.gguf", strange.bytes());
    CHECK_FAILS(hearth_model_pack(runtime.get(), unknown.c_str(), out.c_str(), nullptr), HEARTH_EUNSUPPORTED,
                "unheard");
    const auto small_budget = make_runtime(1, nullptr, 1000);
    CHECK_FAILS(hearth_model_pack(small_budget.get(), files.plain.c_str(), out.c_str(), nullptr), HEARTH_EBUDGET,
                "packing");
    CHECK(files.directory.files() == before + 1);
}

TEST_CASE("pack: progress rises to the total and can cancel at every step") {
    const auto runtime = make_runtime(2);
    const Pair files(runtime.get(), ModelFile(small("llama", "Q5_K")));
    struct Seen {
        std::vector<std::uint64_t> done;
        std::uint64_t total = 0;
        std::size_t cancel_at = SIZE_MAX;
    };
    const auto pack = [&](Seen& seen, const std::string& out) {
        hearth_pack_options o;
        CHECK_OK(hearth_pack_options_init(&o, sizeof o));
        o.progress_user = &seen;
        o.progress = [](std::uint64_t done, std::uint64_t total, void* user) -> std::int32_t {
            auto& s = *static_cast<Seen*>(user);
            if (s.done.empty() || s.done.back() != done) s.done.push_back(done);  // the clock has it asked in between
            s.total = total;
            return s.done.size() > s.cancel_at ? 1 : 0;
        };
        return hearth_model_pack(runtime.get(), files.plain.c_str(), out.c_str(), &o);
    };
    const std::string out = files.directory / "out.gguf";
    Seen all;
    CHECK_OK(pack(all, out));
    CHECK(std::ranges::is_sorted(all.done));
    CHECK(all.done.back() == all.total);
    CHECK(read_bytes(out) == read_bytes(files.packed));
    const Bytes good = read_bytes(out);
    for (std::size_t n = 0; n < all.done.size(); ++n) {
        Seen seen;
        seen.cancel_at = n;
        CHECK_FAILS(pack(seen, out), HEARTH_ECANCELLED, "cancelled");
        CHECK(seen.done.size() == n + 1);
        CHECK(files.directory.files() == 3);
        CHECK(read_bytes(out) == good);  // what had the name is left alone
    }
}

TEST_CASE("pack: another version, another layout and unlisted panels are refused with what to do") {
    const auto runtime = make_runtime(1);
    const Pair files(runtime.get(), ModelFile(small("llama", "Q4_K")));
    const Bytes good = read_bytes(files.packed);
    hearth_model* m = nullptr;
    const auto refused = [&](const Bytes& bytes, hearth_status status, std::vector<std::string> words) {
        const std::string path = files.directory.write("bad.gguf", bytes);
        hearth_text* text = nullptr;
        hearth_tokenizer* t = nullptr;
        for (const hearth_status s :
             {hearth_model_open_path(&m, runtime.get(), path.c_str(), nullptr),
              hearth_inspect_path(&text, runtime.get(), path.c_str()), hearth_tokenizer_open_path(&t, path.c_str())}) {
            CHECK(s == status);
            words.emplace_back("bad.gguf");
            for (const std::string& word : words)
                CHECK_MESSAGE(contains(hearth_last_error(), word), hearth_last_error());
        }
    };
    const std::string version_key = "hearth.pack.version";
    {
        Bytes other = good;
        other[place_of(good, version_key) + version_key.size() + 4] = std::byte{7};
        refused(other, HEARTH_EUNSUPPORTED, {"pack version 7", "reads 1", "pack it again from the original file"});
    }
    const std::size_t layout = place_of(good, "Q4_K ");
    {
        Bytes other = good;
        other[layout + 5] = other[layout + 5] == std::byte{'0'} ? std::byte{'1'} : std::byte{'0'};
        refused(other, HEARTH_EUNSUPPORTED, {"another layout", "Q4_K", "pack it again from the original file"});
    }
    {
        Bytes other = good;
        std::memcpy(&other[layout], "Q2_0", 4);
        refused(other, HEARTH_EUNSUPPORTED, {"panels of 'Q2_0'", "pack it again from the original file"});
    }
    {
        Bytes other = good;
        other[place_of(good, version_key)] = std::byte{'H'};
        refused(other, HEARTH_EFORMAT, {"is packed, but metadata key 'hearth.pack.version' is missing"});
    }
    {
        const Pair q8(runtime.get(), ModelFile(small("llama", "Q8_0")));
        Bytes other = read_bytes(q8.packed);
        const std::size_t at = place_of(other, "Q8_0 ");
        std::memcpy(&other[at], &good[layout], 21);
        refused(other, HEARTH_EFORMAT, {"is packed as Q8_0", "does not list"});
    }
    {
        Bytes other = good;  // a key that is not a list
        const std::string key = "hearth.pack.layouts";
        other[place_of(good, key)] = std::byte{'H'};
        refused(other, HEARTH_EFORMAT, {key, "missing"});
    }
}

TEST_CASE("pack: truncated and damaged files are refused or harmless") {
    const auto runtime = make_runtime(2, nullptr, std::uint64_t{256} << 20);
    std::size_t refused = 0, ran = 0;
    for (const char* type : {"Q4_K", "Q6_K", "Q8_0", "Q4_0", "F16"}) {
        CAPTURE(std::string(type));
        ModelShape shape = small("llama", type);
        shape.factors = false;  // floats that are looked at when a model is opened
        const ModelFile model(shape);
        const Pair files(runtime.get(), model);
        const Bytes good = read_bytes(files.packed);
        const std::size_t header = 8192;
        std::mt19937_64 random(1);
        for (int seed = 0; seed < (long_run() ? 20'000 : 300); ++seed) {
            CAPTURE(seed);
            Bytes bad = good;
            for (std::size_t i = 0; i < 1 + random() % 6; ++i) {
                const std::size_t at = random() % (seed % 2 == 0 ? bad.size() : std::min(header, bad.size()));
                bad[at] = seed % 3 == 0 ? std::byte{0xff} : static_cast<std::byte>(random());
            }
            if (seed % 8 == 0) bad.resize(random() % bad.size());
            const std::string path = files.directory.write("bad.gguf", bad);
            hearth_model* m = nullptr;
            const hearth_status status = hearth_model_open_path(&m, runtime.get(), path.c_str(), nullptr);
            if (status != HEARTH_OK) {
                ++refused;
                CHECK(std::string(hearth_last_error()).size() > 10);
                continue;
            }
            ++ran;
            const ModelPtr loaded(m);
            hearth_session_options o;
            CHECK_OK(hearth_session_options_init(&o, sizeof o));
            o.context = 16;
            hearth_session* s = nullptr;
            if (hearth_session_new(&s, loaded.get(), &o) != HEARTH_OK) continue;
            const SessionPtr session(s);
            const std::int32_t last = static_cast<std::int32_t>(hearth_model_vocab_size(loaded.get())) - 1;
            append(session.get(), std::vector<std::int32_t>{0, last / 2, last});
            (void)hearth_session_eval(nullptr, 0, nullptr, session.get(), HEARTH_EVAL_ALL);
        }
        // Panels of nothing but the worst bytes.
        for (const int fill : {0xff, 0x7f, 0x80, -1}) {
            Bytes bad = good;
            std::size_t data = 0;
            for (const auto& t : model.tensors) data += t.bytes.size();
            for (std::size_t at = bad.size() - data * 9 / 10; at < bad.size(); ++at)
                bad[at] = static_cast<std::byte>(fill < 0 ? random() : static_cast<std::uint64_t>(fill));
            const std::string path = files.directory.write("bad.gguf", bad);
            const auto loaded = open_model(runtime.get(), path);
            CHECK(logits_of(loaded.get()).size() == 40 * 275);
            ++ran;
        }
    }
    CHECK(refused > 100);
    CHECK(ran > 100);
    CHECK(hearth_runtime_memory(runtime.get()) == 0);
}
