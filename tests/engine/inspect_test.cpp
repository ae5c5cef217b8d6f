// The JSON that inspection and metadata give, read back by another library.
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "engine/json_text.hpp"
#include "hearth/engine/engine.hpp"
#include "models/random_model.hpp"

namespace hearth::test {

TEST_CASE("json text: strings of any bytes are valid JSON and keep what is UTF-8") {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    all += "\u00e9\u20ac\U0001f600";
    JsonText j;
    j.value(all);
    CHECK(nlohmann::json::parse(j.take()).get<std::string>() == all);
    Draws draws(1);
    for (int i = 0; i < 200; ++i) {
        std::string bytes;
        for (int k = 0; k < 20; ++k) bytes += static_cast<char>(draws.bits());
        JsonText broken;
        broken.value(bytes);
        CHECK(nlohmann::json::parse(broken.take()).get<std::string>() == utf8_repair(bytes));
    }
}

TEST_CASE("json text: objects and arrays nest with commas where they belong") {
    JsonText j;
    j.begin_object().member("a", 1).key("b").begin_array().value(true).null().begin_object().end_object().end_array();
    j.key("c").begin_array().end_array().member("d", "x").end_object();
    CHECK(j.take() == R"({"a":1,"b":[true,null,{}],"c":[],"d":"x"})");
}

TEST_CASE("metadata text: every kind of value") {
    const auto parsed = [](const MetaValue& v) { return nlohmann::json::parse(metadata_text(v)); };
    CHECK(metadata_text(std::string("as \"it\" is\xff")) == "as \"it\" is\xff");
    CHECK(parsed(true) == true);
    CHECK(parsed(UINT64_MAX) == UINT64_MAX);
    CHECK(parsed(INT64_MIN) == INT64_MIN);
    for (const double x : {0.0, 1.0, -1e-5, 1e300, 5e-324, 0.1, 123456789.0}) {
        CHECK(parsed(x).get<double>() == x);
        CHECK(parsed(x).is_number_float());
    }
    CHECK(parsed(std::numeric_limits<double>::quiet_NaN()).is_null());
    CHECK(parsed(-std::numeric_limits<double>::infinity()).is_null());
    CHECK(parsed(std::vector<bool>{true, false}) == nlohmann::json({true, false}));
    CHECK(parsed(std::vector<std::int64_t>{-1, 2}) == nlohmann::json({-1, 2}));
    CHECK(parsed(std::vector<std::uint64_t>{}) == nlohmann::json::array());
    CHECK(parsed(std::vector<double>{0.5, INFINITY}) == nlohmann::json({0.5, nullptr}));
    CHECK(parsed(std::vector<std::string>{"a\n", "\xc3"}) == nlohmann::json({"a\n", "\ufffd"}));
}

TEST_CASE("inspect: tells of a file what the file is, and why it cannot run") {
    ModelShape s;
    s.arch = "qwen3";
    s.type = "Q4_K";
    s.context = 8192;
    ModelFile m(s);
    const auto inspected = [](const ModelFile& file) {
        const Opened opened(file);
        auto text = inspect(*opened.file, 2);
        REQUIRE(text.ok());
        return nlohmann::json::parse(*text);
    };
    auto j = inspected(m);
    CHECK(j["supported"] == true);
    CHECK(!j.contains("why"));
    CHECK(j["architecture"] == "qwen3");
    CHECK(j["name"].is_null());
    CHECK(j["layers"] == 2);
    CHECK(j["tensors"] == m.tensors.size());
    CHECK(j["vocabulary"]["size"] == 290);
    CHECK(j["vocabulary"]["bos"] == 1);
    CHECK(j["quantization"][0]["type"] == "Q4_K");
    CHECK(j["quantization"][1]["type"] == "F32");
    CHECK(j["memory"]["kv_bytes_per_token"] == 2 * 2 * (64 + 64) * 2);
    CHECK(j["memory"]["kv_at_context"].size() == 2);  // 2048 and 8192, which is the context and comes once
    CHECK(j["memory"]["kv_at_context"][1]["tokens"] == 8192);
    CHECK(j["memory"]["kv_at_context"][1]["kv"] == 8192 * 1024);
    CHECK(j["memory"]["kv_at_context"][1]["checkpoints"] == 0);
    CHECK(j["memory"]["kv_groups"].size() == 1);
    CHECK(j["memory"]["state"] == 0);
    ModelShape windows = s;  // of 8 keys in every other layer: those of a pass of 512 tokens lie in 4 pages at most
    windows.arch = "gemma3";
    const auto bounded = inspected(ModelFile(windows))["memory"];
    CHECK(bounded["kv_groups"].size() == 2);
    CHECK(bounded["kv_groups"][0]["window"] == 8);
    CHECK(bounded["kv_groups"][0]["bytes_per_token"] == 512);
    CHECK(bounded["kv_at_context"][1]["kv"] == 8192 * 512 + 4 * 256 * 512);
    CHECK(bounded["kv_at_context"][1]["checkpoints"] == (8192 * 512 + 4 * 256 * 512) / 4);
    CHECK(j["experts"] == 0);
    CHECK(j["experts_used"] == 0);
    ModelShape mixture = s;
    mixture.arch = "qwen3moe";
    mixture.experts = 6;
    mixture.used = 3;
    const auto of_experts = inspected(ModelFile(mixture));
    CHECK(of_experts["experts"] == 6);
    CHECK(of_experts["experts_used"] == 3);
    m.erase_tensor("output_norm.weight");
    j = inspected(m);
    CHECK(j["supported"] == false);
    CHECK(j["why"]["part"] == "tensor");
    CHECK(j["why"]["message"].get<std::string>().find("output_norm.weight") != std::string::npos);
    m.keys["general.architecture"] = std::string("other");
    CHECK(inspected(m)["why"]["part"] == "architecture");
    ModelFile no_tokens(s);
    no_tokens.keys.erase("tokenizer.ggml.tokens");
    j = inspected(no_tokens);
    CHECK(j["why"]["part"] == "tokenizer");
    CHECK(j["layers"] == 2);
}

}  // namespace hearth::test
