// Folders of Hugging Face's libraries: tests/golden/hf, which tests/golden/make_hf.py writes with what NumPy and the
// tokenizers package make of them.
#include <cmath>
#include <fstream>
#include <set>

#include "capi/support.hpp"
#include "support/figures.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

std::vector<std::string> folders() {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(golden("hf")))
        if (entry.is_directory()) names.insert(entry.path().filename());
    return {names.begin(), names.end()};
}

std::vector<float> logits_of(hearth_model* model, const nlohmann::json& j) {
    const auto session = make_session(model, j["context"]);
    append(session.get(), j["tokens"].get<std::vector<std::int32_t>>());
    return evaluate(session.get(), true);
}

TokenizerPtr tokenizer_of(const std::string& folder) {
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_open_path(&t, golden("hf/" + folder).c_str()));
    return TokenizerPtr(t);
}

double largest(const std::vector<float>& x) {
    double most = 0;
    for (const float v : x) most = std::max(most, std::fabs(static_cast<double>(v)));
    return most;
}

// What was measured on a folder counts as figures of its family.
void record_folder(hearth_model* model, const std::string& name, const char* measure, double error, double bound) {
    hearth_text* t = nullptr;
    CHECK_OK(hearth_model_metadata(&t, model, "general.architecture"));
    const TextPtr family(t);
    const auto config = read_json(golden("hf/" + name + "/config.json"));
    record({hearth_text_data(t, nullptr), "folder", name, config["architectures"][0], measure, error, bound});
}

std::vector<std::int32_t> encode(const hearth_tokenizer* tokenizer, const std::string& text, std::uint32_t flags) {
    std::vector<std::int32_t> ids(text.size() * 2 + 16);
    std::size_t needed = 0;
    CHECK_OK(hearth_tokenizer_encode(ids.data(), ids.size(), &needed, tokenizer, text.data(), text.size(), flags));
    ids.resize(needed);
    return ids;
}

}  // namespace

TEST_CASE("folders: logits of every golden are those of the config's own arithmetic" * doctest::test_suite("figures")) {
    const auto runtime = make_runtime();
    const auto names = folders();
    CHECK(names.size() >= 21);
    for (const std::string& name : names) {
        CAPTURE(name);
        const auto j = read_json(golden("hf/" + name + ".json"));
        const auto model = open_model(runtime.get(), golden("hf/" + name));
        const auto got = logits_of(model.get(), j), reference = read_floats(golden("hf/" + name + ".f32"));
        REQUIRE(got.size() == reference.size());
        double worst = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double e = std::fabs(static_cast<double>(got[i]) - reference[i]);
            worst = e <= worst ? worst : e;  // NaN counts as worse
        }
        // Packed weights meet activations of 8 bits.
        if (j.contains("max_nmse")) {
            double power = 0, difference = 0;
            for (std::size_t i = 0; i < got.size(); ++i) {
                power += static_cast<double>(reference[i]) * reference[i];
                difference += std::pow(static_cast<double>(got[i]) - reference[i], 2);
            }
            MESSAGE(name << ": nmse " << difference / power << ", bound " << j["max_nmse"].get<double>());
            CHECK(difference / power <= j["max_nmse"].get<double>());
            record_folder(model.get(), name, "nmse", difference / power, j["max_nmse"]);
            continue;
        }
        const double error = worst / largest(reference);
        MESSAGE(name << ": error " << error << " of the largest logit");
        CHECK(error <= 1e-5);
        record_folder(model.get(), name, "max", error, 1e-5);
    }
}

TEST_CASE("folders: texts become the ids that the tokenizers package gives") {
    std::size_t texts = 0;
    for (const std::string& name : folders()) {
        CAPTURE(name);
        const auto j = read_json(golden("hf/" + name + ".json"));
        const TokenizerPtr tokenizer = tokenizer_of(name);
        hearth_tokenizer* const t = tokenizer.get();
        texts += j["texts"].size();
        for (const auto& c : j["texts"]) {
            const std::string text = c["text"];
            CAPTURE(text);
            CHECK(encode(t, text, HEARTH_TOKENIZE_PARSE_SPECIAL) == c["ids"].get<std::vector<std::int32_t>>());
            CHECK(encode(t, text, HEARTH_TOKENIZE_NO_SPECIAL | HEARTH_TOKENIZE_PARSE_SPECIAL) == c["plain"].get<std::vector<std::int32_t>>());
        }
    }
    CHECK(texts >= 100);
}

TEST_CASE("folders: generation ends at every token that generation_config.json or config.json names") {
    for (const std::string& name : folders()) {
        CAPTURE(name);
        const auto j = read_json(golden("hf/" + name + ".json"));
        const TokenizerPtr tokenizer = tokenizer_of(name);
        hearth_tokenizer* const t = tokenizer.get();
        CHECK(hearth_tokenizer_special(t, HEARTH_TOKEN_EOS) == j["eos"].get<std::int32_t>());
        CHECK(hearth_tokenizer_ends_generation(t, j["eos"]));
        const bool listed = std::filesystem::exists(golden("hf/" + name + "/generation_config.json"));
        CHECK(hearth_tokenizer_ends_generation(t, j["special"]) == listed);
    }
}

TEST_CASE("folders: a packed folder is a GGUF file with the same logits to the bit and the same tokens") {
    const auto runtime = make_runtime();
    const TemporaryDirectory directory;
    for (const std::string& name : folders()) {
        CAPTURE(name);
        const auto j = read_json(golden("hf/" + name + ".json"));
        const std::string packed = directory / (name + ".gguf");
        CHECK_OK(hearth_model_pack(runtime.get(), golden("hf/" + name).c_str(), packed.c_str(), nullptr));
        const auto folder = open_model(runtime.get(), golden("hf/" + name)), file = open_model(runtime.get(), packed);
        CHECK(same_bits(logits_of(folder.get(), j), logits_of(file.get(), j)));
        hearth_tokenizer* t = nullptr;
        CHECK_OK(hearth_tokenizer_of_model(&t, file.get()));
        const TokenizerPtr tokenizer(t);
        for (const auto& c : j["texts"]) CHECK(encode(t, c["text"], HEARTH_TOKENIZE_PARSE_SPECIAL) == c["ids"].get<std::vector<std::int32_t>>());
    }
}

TEST_CASE("folders: layers see the window that the config of their class gives them, to the token") {
    using Json = nlohmann::json;
    struct Row {
        const char* folder;
        Json config;
        std::size_t window;  // 0: none
    };
    const Row rows[] = {
        {"mistral", {{"sliding_window", 5}}, 5},
        {"mistral", {{"sliding_window", 256}}, 0},
        {"mixtral", {{"sliding_window", 6}}, 6},
        {"phi3", {{"sliding_window", 5}}, 5},
        {"phimoe", {{"sliding_window", 5}}, 5},
        {"llama", {{"sliding_window", nullptr}}, 0},
        {"qwen2", {{"sliding_window", 5}, {"use_sliding_window", true}, {"max_window_layers", 0}}, 5},
        {"qwen2", {{"sliding_window", 5}, {"use_sliding_window", true}, {"max_window_layers", 1}}, 0},
        {"qwen2", {{"sliding_window", 5}, {"use_sliding_window", false}, {"max_window_layers", 0}}, 0},
        {"qwen3", {{"sliding_window", 7}, {"use_sliding_window", true}, {"layer_types", {"sliding_attention"}}}, 7},
    };
    const auto runtime = make_runtime(2);
    for (const Row& row : rows) {
        CAPTURE(std::string(row.folder));
        CAPTURE(row.config.dump());
        const TemporaryDirectory directory;
        const std::string folder = directory / "model";
        std::filesystem::copy(golden(std::string("hf/") + row.folder), folder);
        Json config = read_json(folder + "/config.json");
        if (row.window != 0) REQUIRE(config["num_hidden_layers"] == 1);  // a second one would see the window's window
        config.update(row.config);
        if (!config.contains("layer_types") || !row.config.contains("layer_types")) config.erase("layer_types");
        std::ofstream(folder + "/config.json") << config;
        const auto model = open_model(runtime.get(), folder);
        const auto logits = [&](std::int32_t first) {
            std::vector<std::int32_t> tokens;
            for (std::int32_t i = 0; i < 24; ++i) tokens.push_back(3 + i * 7 % 250);
            tokens[0] = first;
            const auto session = make_session(model.get(), 64);
            append(session.get(), tokens);
            return evaluate(session.get(), true);
        };
        const auto one = logits(11), other = logits(90);
        const std::size_t vocab = one.size() / 24;
        for (std::size_t i = 0; i < 24; ++i) {
            CAPTURE(i);
            const bool same = std::equal(one.begin() + static_cast<std::ptrdiff_t>(i * vocab),
                                         one.begin() + static_cast<std::ptrdiff_t>((i + 1) * vocab),
                                         other.begin() + static_cast<std::ptrdiff_t>(i * vocab));
            CHECK(same == (row.window != 0 && i >= row.window));
        }
    }
}
