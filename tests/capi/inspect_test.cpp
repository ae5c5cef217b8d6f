// What inspection tells of models that cannot run: which part, and a sentence that names it.
#include <fstream>

#include "capi/support.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

// Inspected, and refused with the same sentence when opened.
void check_told(hearth_runtime* runtime, const std::string& path, const std::string& part, const std::vector<std::string>& words) {
    CAPTURE(path);
    hearth_text* text = nullptr;
    CHECK_OK(hearth_inspect_path(&text, runtime, path.c_str()));
    const TextPtr told(text);
    const auto j = nlohmann::json::parse(hearth_text_data(told.get(), nullptr));
    CHECK(j["supported"] == false);
    REQUIRE(j.contains("why"));
    CHECK(j["why"]["part"] == part);
    const std::string message = j["why"]["message"];
    for (const std::string& word : words) CHECK_MESSAGE(contains(message, word), "'" << word << "' in: " << message);
    CHECK_MESSAGE(message.find('\n') == std::string::npos, message);
    hearth_model* model = nullptr;
    const hearth_status status = hearth_model_open_path(&model, runtime, path.c_str(), nullptr);
    CHECK(model == nullptr);
    CHECK((status == HEARTH_EUNSUPPORTED || status == HEARTH_EFORMAT));
    CHECK_MESSAGE(contains(hearth_last_error(), message), "'" << message << "' in: " << hearth_last_error());
}

}  // namespace

TEST_CASE("inspect: of a GGUF file that cannot run, it names the part: architecture, key, tensor or tokenizer") {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    using Change = std::function<void(ModelFile&)>;
    struct Case {
        std::string part;
        Change change;
        std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {"architecture", [](ModelFile& m) { m.keys["general.architecture"] = std::string("mamba"); }, {"architecture 'mamba'", "qwen3"}},
        {"key", [](ModelFile& m) { m.set("rope.scaling.type", std::string("spiral")); }, {"qwen3.rope.scaling.type", "'spiral'", "yarn"}},
        {"key", [](ModelFile& m) { m.keys.erase("qwen3.embedding_length"); }, {"qwen3.embedding_length", "missing"}},
        {"tensor", [](ModelFile& m) { m.add_floats("blk.0.strange.weight", {1, 2}); }, {"blk.0.strange.weight"}},
        {"tensor", [](ModelFile& m) { m.erase_tensor("blk.1.attn_k.weight"); }, {"blk.1.attn_k.weight", "missing"}},
        {"tokenizer", [](ModelFile& m) { m.keys["tokenizer.ggml.model"] = std::string("rwkv"); }, {"tokenizer.ggml.model", "'rwkv'"}},
        {"tokenizer",
         [](ModelFile& m) {
             m.keys["tokenizer.ggml.model"] = std::string("gpt2");
             m.keys["tokenizer.ggml.pre"] = std::string("next-years");
             m.keys["tokenizer.ggml.merges"] = std::vector<std::string>{};
         },
         {"tokenizer.ggml.pre", "'next-years'"}},
    };
    ModelShape shape;
    shape.arch = "qwen3";
    shape.embd = 64;
    shape.ffn = 64;
    const auto write = [&](const std::vector<std::byte>& bytes) {
        const std::string path = directory / "model.gguf";
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    };
    for (const Case& c : cases) {
        ModelFile m(shape);
        c.change(m);
        check_told(runtime.get(), write(m.bytes()), c.part, c.words);
    }
    // A type of a later version: the number behind the tensor's name and shape.
    std::vector<std::byte> bytes = ModelFile(shape).bytes();
    const std::string name = "blk.0.ffn_up.weight";
    const auto* const first = reinterpret_cast<const char*>(bytes.data());
    const std::size_t at = std::string_view(first, bytes.size()).find(name);
    REQUIRE(at < bytes.size());
    bytes[at + name.size() + 4 + 16] = std::byte{99};
    check_told(runtime.get(), write(bytes), "tensor", {"'" + name + "'", "type number 99"});
}

TEST_CASE("inspect: of a folder that cannot run, it names the part: architecture, key, tensor or tokenizer") {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    struct Case {
        std::string part, file, from, to;
        std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {"architecture", "config.json", "Qwen3ForCausalLM", "MambaForCausalLM", {"config.json", "'MambaForCausalLM'", "Qwen3ForCausalLM"}},
        {"key", "config.json", "\"silu\"", "\"relu\"", {"config.json", "'hidden_act'", "'relu'", "'silu'"}},
        {"key", "config.json", "\"hidden_size\"", "\"hidden_sise\"", {"config.json", "'hidden_size'", "missing"}},
        {"tensor", "model.safetensors", "model.norm.weight", "model.nurm.weight", {"'model.nurm.weight'", "no place"}},
        {"tensor", "model.safetensors", "layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj.wieght", {"up_proj.wieght", "no place"}},
        {"tokenizer", "tokenizer.json", "\"type\":\"BPE\"", "\"type\":\"XYZ\"", {"tokenizer.json", "'model.type'", "'XYZ'"}},
        {"tokenizer", "tokenizer.json", "\"type\":\"NFC\"", "\"type\":\"ABC\"", {"tokenizer.json", "normalizer", "'ABC'"}},
    };
    const std::string source = "hf/qwen3";
    std::size_t number = 0;
    for (const Case& c : cases) {
        const auto folder = directory.path() / std::to_string(number++);
        std::filesystem::copy(golden(source), folder, std::filesystem::copy_options::recursive);
        std::string text = read_text(folder / c.file);
        const std::size_t at = text.find(c.from);
        REQUIRE_MESSAGE(at != std::string::npos, c.from);
        text.replace(at, c.from.size(), c.to);
        std::ofstream(folder / c.file, std::ios::binary) << text;
        check_told(runtime.get(), folder, c.part, c.words);
    }
    const auto folder = directory.path() / "without";
    std::filesystem::copy(golden(source), folder, std::filesystem::copy_options::recursive);
    std::filesystem::remove(folder / "tokenizer.json");
    check_told(runtime.get(), folder, "tokenizer", {"tokenizer.json is missing"});
}
