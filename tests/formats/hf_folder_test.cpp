// Folders whose files are missing, contradict each other or ask for what hearth does not do.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "hearth/base/rng.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/formats/hf_folder.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth::test {

namespace {

using Change = std::function<void(nlohmann::ordered_json&)>;

// A copy of a golden folder in which one JSON file is changed.
std::string changed(const TemporaryDirectory& directory, const std::string& name, const std::string& file,
                    const Change& change) {
    const auto to = directory.path() / "model";
    std::filesystem::remove_all(to);
    std::filesystem::copy(golden("hf/" + name), to, std::filesystem::copy_options::recursive);
    auto json = nlohmann::ordered_json::parse(read_text(to / file));
    change(json);
    std::ofstream(to / file) << json;
    return to.string();
}

void check_words(const Status& status, Code code, const std::vector<std::string>& words) {
    CHECK(status.code() == code);
    for (const std::string& word : words)
        CHECK_MESSAGE(status.message().find(word) != std::string::npos, "'" << word << "' in: " << status.message());
}

}  // namespace

TEST_CASE("folder: what is missing is named") {
    const TemporaryDirectory directory;
    check_words(HfFolder::open_path(directory.path()).status(), Code::not_found, {"config.json"});
    std::ofstream(directory / "config.json") << "{}";
    check_words(HfFolder::open_path(directory.path()).status(), Code::not_found, {"model.safetensors"});
    std::ofstream(directory / "config.json") << "{";
    check_words(HfFolder::open_path(directory.path()).status(), Code::malformed, {"config.json", "not JSON"});
    CHECK(HfFolder::is_folder(directory.path()));
    CHECK(!HfFolder::is_folder(directory / "config.json"));
}

TEST_CASE("folder: a config that hearth cannot run says which key") {
    struct Case {
        std::string name;
        Change change;
        Code code;
        std::vector<std::string> words;
    };
    const auto set = [](const char* key, nlohmann::ordered_json value) {
        return [=](nlohmann::ordered_json& j) { j[key] = value; };
    };
    const std::vector<Case> cases = {
        {"llama", [](auto& j) { j.erase("hidden_size"); }, Code::malformed, {"'hidden_size'", "missing"}},
        {"llama", set("hidden_size", "wide"), Code::malformed, {"'hidden_size'", "a string"}},
        {"llama", set("num_hidden_layers", -1), Code::malformed, {"'num_hidden_layers'"}},
        {"llama", set("rms_norm_eps", true), Code::malformed, {"'rms_norm_eps'", "a bool"}},
        {"llama", set("hidden_act", "gelu"), Code::unsupported, {"'hidden_act'", "'gelu'", "'silu'"}},
        {"llama", set("rope_theta", 0), Code::malformed, {"'rope_theta'", "0"}},
        {"llama", set("rope_scaling", 3), Code::malformed, {"'rope_scaling'", "a number"}},
        {"llama", set("rope_scaling", {{"rope_type", "spiral"}}), Code::unsupported, {"'spiral'"}},
        {"llama", set("rope_scaling", {{"rope_type", "llama3"}}), Code::malformed, {"'rope_scaling.factor'"}},
        {"llama",
         set("rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}, {"beta_fast", 0}}),
         Code::malformed,
         {"beta_fast", "0", "more than 0"}},
        {"llama",
         set("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 2}, {"high_freq_factor", 1}, {"original_max_position_embeddings", 64}}),
         Code::malformed,
         {"low <= high"}},
        {"phi3",
         set("rope_scaling", {{"rope_type", "longrope"}, {"short_factor", {1}}}),
         Code::malformed,
         {"short_factor", "1 entries", "3"}},
        {"phi3", set("partial_rotary_factor", 2), Code::malformed, {"'partial_rotary_factor'"}},
        {"smollm3", set("no_rope_layers", {1, 1, 0, 1}), Code::unsupported, {"'no_rope_layers'", "layer 2"}},
        {"smollm3", set("no_rope_layer_interval", 3), Code::unsupported, {"'no_rope_layer_interval'", "3", "4"}},
    };
    const TemporaryDirectory directory;
    for (const Case& c : cases) {
        const auto folder = HfFolder::open_path(changed(directory, c.name, "config.json", c.change));
        REQUIRE(folder.ok());
        check_words((*folder)->troubles().key, c.code, c.words);
        CHECK((*folder)->troubles().architecture.ok());
    }
    const auto other =
        HfFolder::open_path(changed(directory, "llama", "config.json", set("architectures", {"OtherModel"})));
    REQUIRE(other.ok());
    check_words((*other)->troubles().architecture, Code::unsupported, {"'OtherModel'", "LlamaForCausalLM"});
    const auto wide = HfFolder::open_path(changed(directory, "llama", "config.json", [](auto& j) {
        j["num_attention_heads"] = 5;
        j["head_dim"] = nullptr;
    }));
    REQUIRE(wide.ok());
    check_words((*wide)->troubles().key, Code::malformed, {"'hidden_size'", "32", "5"});
    const auto heads = HfFolder::open_path(changed(directory, "mistral", "config.json", set("num_attention_heads", 7)));
    REQUIRE(heads.ok());
    check_words((*heads)->troubles().tensor, Code::malformed, {"q_proj", "7 heads"});
    const auto qk =
        HfFolder::open_path(changed(directory, "qwen3", "config.json", set("architectures", {"LlamaForCausalLM"})));
    REQUIRE(qk.ok());
    CHECK((*qk)->troubles().tensor.ok());  // the family's own description refuses what it has no use for
}

TEST_CASE("folder: a tokenizer that hearth cannot follow says which part") {
    struct Case {
        Change change;
        Code code;
        std::vector<std::string> words;
    };
    using Json = nlohmann::ordered_json;
    const std::vector<Case> cases = {
        {[](Json& j) { j["model"]["type"] = "WordLevel"; }, Code::unsupported, {"'model.type'", "'WordLevel'"}},
        {[](Json& j) { j["model"]["vocab"] = 3; }, Code::malformed, {"'model.vocab'", "a number"}},
        {[](Json& j) { j["model"]["vocab"]["x"] = -1; }, Code::malformed, {"'x'", "-1"}},
        {[](Json& j) { j["model"]["vocab"]["x"] = 1000000; }, Code::malformed, {"'x'", "1000000"}},
        {[](Json& j) { j["model"]["vocab"]["x"] = "1"; }, Code::malformed, {"'x'", "a string"}},
        {[](Json& j) { j["model"]["merges"] = nullptr; }, Code::malformed, {"'model.merges'", "null"}},
        {[](Json& j) { j["model"]["merges"][0] = {"a"}; }, Code::malformed, {"'model.merges'", "entry 0"}},
        {[](Json& j) {
             j["model"]["merges"][0] = {"a b", "c"};
         },
         Code::unsupported,
         {"'model.merges'", "'a b'"}},
        {[](Json& j) { j["model"]["dropout"] = 0.1; }, Code::unsupported, {"'model.dropout'"}},
        {[](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; },
         Code::unsupported,
         {"end_of_word_suffix", "'</w>'"}},
        {[](Json& j) { j["added_tokens"][0]["single_word"] = true; },
         Code::unsupported,
         {"'<|begin|>'", "single word"}},
        {[](Json& j) { j["added_tokens"][0].erase("id"); }, Code::malformed, {"'added_tokens'"}},
        {[](Json& j) {
             j["normalizer"] = {{"type", "Nmt"}};
         },
         Code::unsupported,
         {"normalizer", "'Nmt'"}},
        {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Contiguous"; },
         Code::unsupported,
         {"Split", "'Contiguous'"}},
        {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "a\\Kb"; },
         Code::unsupported,
         {"'a\\Kb'", "has \\K"}},
        {[](Json& j) {
             j["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
         },
         Code::unsupported,
         {"pre-tokenizer", "'UnicodeScripts'"}},
        {[](Json& j) {
             j["post_processor"] = {{"type", "Other"}};
         },
         Code::unsupported,
         {"'post_processor'", "'Other'"}},
    };
    const TemporaryDirectory directory;
    for (const Case& c : cases) {
        const auto folder = HfFolder::open_path(changed(directory, "llama", "tokenizer.json", c.change));
        REQUIRE(folder.ok());
        check_words((*folder)->troubles().tokenizer, c.code, c.words);
        CHECK((*folder)->troubles().tokenizer.message().starts_with("tokenizer.json: "));
        CHECK((*folder)->troubles().tensor.ok());
    }
    const std::string path = changed(directory, "llama", "tokenizer.json", [](Json&) {});
    std::filesystem::remove(path + "/tokenizer.json");
    const auto folder = HfFolder::open_path(path);
    REQUIRE(folder.ok());
    check_words((*folder)->troubles().tokenizer, Code::unsupported, {"tokenizer.json", "missing"});
}

TEST_CASE("folder: packed weights keep their values to the bit, in the narrowest type that holds them") {
    std::map<std::string, std::size_t> compared;
    for (const std::string name : {"gptq", "awq", "compressed", "fp8", "gpt-oss", "deepseek4"}) {
        CAPTURE(name);
        const auto j = nlohmann::json::parse(read_text(golden("hf/" + name + ".json")));
        const auto folder = HfFolder::open_path(golden("hf/" + name));
        REQUIRE(folder.ok());
        CHECK((*folder)->troubles().tensor.message() == "");
        std::map<std::string, std::size_t> types;
        for (const TensorInfo& info : (*folder)->tensors())
            if (info.dims > 1) ++types[std::string(find_codec(info.type)->name)];
        for (const auto& [type, count] : j["types"].items())
            CHECK_MESSAGE(types[type] == count, type << ": " << types[type]);
        const auto decoded = j.value("decoded", nlohmann::json::object());
        for (const auto& [tensor, hash] : decoded.items()) {
            CAPTURE(tensor);
            const TensorInfo* info = (*folder)->find(tensor);
            REQUIRE(info != nullptr);
            const Codec& codec = *find_codec(info->type);
            std::vector<std::byte> stored(info->bytes);
            REQUIRE((*folder)->read(*info, 0, stored).ok());
            std::vector<float> values(info->elements());
            codec.decode(stored.data(), values.size() / codec.block_values, values.data());
            std::uint64_t fnv = 0xcbf29ce484222325;  // FNV-1a, as make_hf.py has it
            for (float& v : values) v += 0.0F;       // codes of 0 with a negative scale are -0 in blocks
            for (const std::byte b : std::as_bytes(std::span(values)))
                fnv = (fnv ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
            std::string text(16, '0');
            for (int i = 0; i < 16; ++i)
                text[static_cast<std::size_t>(i)] = "0123456789abcdef"[fnv >> (60 - 4 * i) & 15];
            CHECK(text == hash.get<std::string>());
            ++compared[name];
        }
    }
    for (const char* name : {"gptq", "awq", "compressed", "fp8", "deepseek4"}) CHECK_MESSAGE(compared[name] >= 3, name);
}

TEST_CASE("folder: packed weights that contradict themselves name the module and the parameter") {
    const TemporaryDirectory directory;
    struct Case {
        std::string name, config_key;
        nlohmann::ordered_json value;
        std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {"gptq", "bits", 8, {"down_proj", "qzeros", "[2, 4]", "[2, 8]"}},
        {"gptq", "bits", 3, {"3 bits"}},
        {"fp8", "weight_block_size", {16, 16}, {"up_proj", "weight_scale_inv", "does not fit"}},
        {"deepseek4", "weight_block_size", {16, 16}, {"wq_b", "scale has", "does not fit"}},
    };
    for (const Case& c : cases) {
        const auto folder = HfFolder::open_path(changed(
            directory, c.name, "config.json", [&](auto& j) { j["quantization_config"][c.config_key] = c.value; }));
        REQUIRE(folder.ok());
        const Status& trouble = (*folder)->troubles().tensor;
        CHECK(!trouble.ok());
        for (const std::string& word : c.words)
            CHECK_MESSAGE(trouble.message().find(word) != std::string::npos,
                          "'" << word << "' in: " << trouble.message());
    }
    const auto other = HfFolder::open_path(
        changed(directory, "gptq", "config.json", [](auto& j) { j["quantization_config"]["quant_method"] = "exl9"; }));
    REQUIRE(other.ok());
    check_words((*other)->troubles().key, Code::unsupported, {"quant_method", "'exl9'"});
}

TEST_CASE("folder: tables of whole numbers that 32 bits do not hold, and of other types, are refused by name") {
    const TemporaryDirectory directory;
    const auto trouble = [&](const std::function<void(std::string&, nlohmann::json&)>& change) {
        const auto to = directory.path() / "ids";
        std::filesystem::remove_all(to);
        std::filesystem::copy(golden("hf/deepseek4"), to);
        std::string bytes = read_text(to / "model.safetensors");
        std::uint64_t size = 0;
        std::memcpy(&size, bytes.data(), sizeof size);
        auto header = nlohmann::json::parse(bytes.substr(8, size));
        std::string data = bytes.substr(8 + size);
        change(data, header["layers.0.ffn.gate.tid2eid"]);
        const std::string text = header.dump();
        size = text.size();
        std::ofstream(to / "model.safetensors", std::ios::binary).write(reinterpret_cast<const char*>(&size), sizeof size) << text << data;
        const auto folder = HfFolder::open_path(to);
        REQUIRE(folder.ok());
        return (*folder)->troubles().tensor;
    };
    CHECK(trouble([](std::string&, nlohmann::json&) {}).ok());
    for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{1} << 31, std::int64_t{1} << 32}) {
        const auto put = [&](std::string& data, nlohmann::json& t) {
            std::memcpy(data.data() + t["data_offsets"][0].get<std::size_t>() + 7 * 2 * sizeof wrong, &wrong, sizeof wrong);
        };
        check_words(trouble(put), Code::malformed, {"'layers.0.ffn.gate.tid2eid'", std::to_string(wrong), "row 7", "expected 0 to"});
    }
    check_words(trouble([](std::string&, nlohmann::json& t) { t["dtype"] = "F64"; }), Code::unsupported, {"'layers.0.ffn.gate.tid2eid'", "F64", "I32 or I64"});
}

TEST_CASE("folder: damaged headers and configs open or say why, and what opens can be read to its end") {
    const TemporaryDirectory directory;
    std::uint64_t draw = 0;
    const auto next = [&] { return philox4x32(11, draw++, 0)[0]; };
    std::size_t opened = 0, refused = 0;
    for (const char* name : {"awq", "compressed", "deepseek4", "fp8", "gpt-oss", "granitemoe", "gptq"}) {
        const auto to = directory.path() / name;
        std::filesystem::copy(golden(std::string("hf/") + name), to, std::filesystem::copy_options::recursive);
        const std::string weights = read_text(to / "model.safetensors"), config = read_text(to / "config.json");
        const std::size_t header = static_cast<unsigned char>(weights[0]) + 256U * static_cast<unsigned char>(weights[1]);
        for (int round = 0; round < 60; ++round) {
            std::string damaged = weights, changed_config = config;
            // Digits for digits, so that many remain valid JSON: other shapes, places and numbers.
            for (int i = 0; i < 4; ++i) {
                std::string& text = next() % 4 == 0 ? changed_config : damaged;
                const std::size_t at = &text == &damaged ? 8 + next() % header : next() % text.size();
                if (text[at] >= '0' && text[at] <= '9') text[at] = static_cast<char>('0' + next() % 10);
            }
            std::ofstream(to / "model.safetensors", std::ios::binary) << damaged;
            std::ofstream(to / "config.json") << changed_config;
            const auto folder = HfFolder::open_path(to);
            if (!folder.ok() || !(*folder)->troubles().tensor.ok()) {
                ++refused;
                continue;
            }
            ++opened;
            for (const TensorInfo& info : (*folder)->tensors()) {
                std::vector<std::byte> bytes(info.bytes);
                CHECK((*folder)->read(info, 0, bytes).ok());
                (*folder)->release(info, 0, info.bytes);
            }
        }
    }
    MESSAGE(opened << " damaged folders opened, " << refused << " refused");
    CHECK(opened >= 20);
    CHECK(refused >= 20);
}

TEST_CASE("folder: reading in pieces of any length gives the same bytes") {
    std::size_t made = 0;
    for (const char* name : {"llama", "gptq", "compressed", "gpt-oss", "gemma2"}) {
        const auto folder = HfFolder::open_path(golden(std::string("hf/") + name));
        REQUIRE(folder.ok());
        for (const TensorInfo& info : (*folder)->tensors()) {
            std::vector<std::byte> whole(info.bytes), pieces(info.bytes);
            REQUIRE((*folder)->read(info, 0, whole).ok());
            const auto view = (*folder)->view(info);
            made += view.empty();
            if (!view.empty()) CHECK(std::equal(view.begin(), view.end(), whole.begin(), whole.end()));
            for (std::size_t at = 0, step = 1; at < pieces.size(); at += step, step = step * 3 % 97 + 1) {
                step = std::min(step, pieces.size() - at);
                REQUIRE((*folder)->read(info, at, std::span(pieces).subspan(at, step)).ok());
            }
            CHECK(pieces == whole);
            CHECK(!(*folder)->read(info, 1, whole).ok());
            CHECK(!(*folder)->read(info, ~std::uint64_t{0}, std::span(whole).first(1)).ok());
            CHECK((*folder)->find(info.name) == &info);
        }
        CHECK((*folder)->find("blk.9.attn_q.weight") == nullptr);
    }
    CHECK(made >= 30);
}

}  // namespace hearth::test
