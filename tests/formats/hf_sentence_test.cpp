// What sentence-transformers stores beside a model: what is read of it, and what is refused.
#include <filesystem>
#include <fstream>
#include <functional>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "capi/folder_encoders.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/formats/hf_folder.hpp"
#include "support/golden.hpp"
#include "support/temporary.hpp"

namespace hearth::test {

namespace {

using Json = nlohmann::json;
using Files = std::vector<std::pair<std::string, Json>>;

// A golden folder with other files beside it.
std::unique_ptr<HfFolder> with(const TemporaryDirectory& directory, const Files& files) {
    const auto to = directory.path() / "model";
    std::filesystem::remove_all(to);
    std::filesystem::copy(golden("hf/qwen3"), to, std::filesystem::copy_options::recursive);
    for (const auto& [name, j] : files) {
        std::filesystem::create_directories((to / name).parent_path());
        std::ofstream(to / name) << j.dump();
    }
    auto folder = HfFolder::open_path(to.string());
    REQUIRE_MESSAGE(folder.ok(), folder.status().message());
    return *std::move(folder);
}

// The weights of a dense layer from rows of two values.
void write_dense(const std::filesystem::path& path, const char* name, const Json& shape) {
    std::filesystem::create_directories(path.parent_path());
    std::size_t bytes = 4;
    for (const Json& n : shape) bytes *= n.get<std::size_t>();
    const std::string header = Json{{name, {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {0, bytes}}}}}.dump();
    std::ofstream out(path, std::ios::binary);
    const std::uint64_t size = header.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out << header << std::string(bytes, '\0');
}

const Json kPipeline = {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"),
                        module(2, "2_Normalize", "Normalize")};

}  // namespace

TEST_CASE("sentence modules: pooling, length and what follows are told by metadata") {
    const TemporaryDirectory directory;
    const auto pooling = [&](const Json& config) {
        const auto folder = with(directory, {{"1_Pooling/config.json", config}});
        CHECK(folder->troubles().key.message() == "");
        const auto type = folder->metadata().get_uint("qwen3.pooling_type");
        REQUIRE(type.ok());
        return type->value_or(0);
    };
    CHECK(pooling({{"pooling_mode_mean_tokens", true}, {"pooling_mode_cls_token", false}}) == 1);
    CHECK(pooling({{"pooling_mode_cls_token", true}}) == 2);
    CHECK(pooling({{"pooling_mode_lasttoken", true}}) == 3);
    CHECK(pooling({{"pooling_mode", "mean"}}) == 1);
    CHECK(pooling({{"pooling_mode", "lasttoken"}}) == 3);

    const auto folder = with(directory, mean_modules());
    CHECK(folder->troubles().key.message() == "");
    CHECK(*folder->metadata().get_bool("embedding.hearth.normalize") == true);
    CHECK(*folder->metadata().get_uint("embedding.hearth.max_tokens") == 128);
    const auto plain = with(directory, {});
    CHECK(plain->metadata().find("embedding.hearth.normalize") == nullptr);
    CHECK(plain->metadata().find("qwen3.pooling_type") == nullptr);
}

TEST_CASE("sentence modules: what hearth does not compute is refused by its name") {
    struct Wrong {
        Files files;
        std::vector<std::string> words;
    };
    const auto list = [](std::initializer_list<Json> modules) { return Json(std::vector<Json>(modules)); };
    const Json first = module(0, "", "Transformer"), mean = pooling_by("pooling_mode_mean_tokens"),
               pool = module(1, "1_Pooling", "Pooling");
    const std::vector<Wrong> cases = {
        {{{"modules.json", 3}}, {"modules.json", "a number"}},
        {{{"modules.json", list({module(0, "0_CLIP", "CLIPModel")})}}, {"CLIPModel", "first"}},
        {{{"modules.json", list({module(0, "0_Transformer", "Transformer")})}}, {"'0_Transformer'"}},
        {{{"modules.json", list({first, module(1, "../1_Pooling", "Pooling")})}}, {"'../1_Pooling'", "plain names"}},
        {{{"modules.json", list({first, module(1, "..", "Pooling")})}}, {"'..'", "plain names"}},
        {{{"modules.json", list({first, module(1, "/etc", "Pooling")})}}, {"'/etc'"}},
        {{{"modules.json", list({first, pool})}}, {"1_Pooling/config.json", "missing"}},
        {{{"modules.json", list({first, pool, pool})}, {"1_Pooling/config.json", mean}}, {"Pooling", "twice"}},
        {{{"modules.json", list({first, pool, module(2, "2_LSTM", "LSTM")})}, {"1_Pooling/config.json", mean}},
         {"LSTM", "not supported"}},
        {{{"modules.json", list({first, module(1, "2_Dense", "Dense")})}}, {"Dense", "behind pooling"}},
        {{{"modules.json", list({first, pool, module(2, "2_Dense", "Dense")})}, {"1_Pooling/config.json", mean}},
         {"2_Dense/config.json", "missing"}},
        {{{"modules.json", list({first, pool, module(2, "2_Dense", "Dense")})},
          {"1_Pooling/config.json", mean},
          {"2_Dense/config.json", {{"activation_function", "torch.nn.modules.activation.Softplus"}}}},
         {"Softplus", "Tanh"}},
        {{{"modules.json", list({first, pool, module(2, "2_Dense", "Dense")})},
          {"1_Pooling/config.json", mean},
          {"2_Dense/config.json", {{"activation_function", "torch.nn.modules.activation.Tanh"}}}},
         {"2_Dense/model.safetensors"}},
        {{{"modules.json", kPipeline},
          {"1_Pooling/config.json", mean},
          {"sentence_bert_config.json", {{"max_seq_length", "long"}}}},
         {"max_seq_length"}},
        {{{"1_Pooling/config.json", Json::object()}}, {"1_Pooling/config.json", "nothing"}},
        {{{"1_Pooling/config.json", {{"pooling_mode_max_tokens", true}}}}, {"max", "supported"}},
        {{{"1_Pooling/config.json", {{"pooling_mode_mean_tokens", true}, {"pooling_mode_cls_token", true}}}},
         {"mean and cls"}},
        {{{"1_Pooling/config.json", {{"pooling_mode", "attention"}}}}, {"'attention'"}},
        {{{"1_Pooling/config.json", {1, 2}}}, {"1_Pooling/config.json"}},
    };
    const TemporaryDirectory directory;
    for (const Wrong& w : cases) {
        const auto folder = with(directory, w.files);
        const Status& status = folder->troubles().key;
        CHECK_MESSAGE(!status.ok(), w.words.front());
        for (const std::string& word : w.words)
            CHECK_MESSAGE(status.message().find(word) != std::string::npos,
                          "'" << word << "' in: " << status.message());
        CHECK(folder->troubles().tensor.ok());
    }
}

TEST_CASE("sentence modules: dense layers are tensors, and shapes that they cannot have are refused") {
    const TemporaryDirectory directory;
    const Files files = {
        {"modules.json",
         {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Dense", "Dense")}},
        {"1_Pooling/config.json", pooling_by("pooling_mode_mean_tokens")},
        {"2_Dense/config.json", {{"activation_function", "torch.nn.modules.activation.Tanh"}}}};
    const std::string weights = directory / "model/2_Dense/model.safetensors";
    const auto reopened = [&](const char* name, const Json& shape) {
        with(directory, files);
        write_dense(weights, name, shape);
        auto folder = HfFolder::open_path(directory / "model");
        REQUIRE(folder.ok());
        return *std::move(folder);
    };
    const auto good = reopened("linear.weight", {5, 32});
    CHECK(good->troubles().key.message() == "");
    const TensorInfo* dense = good->find("dense_2.weight");
    REQUIRE(dense != nullptr);
    CHECK(dense->shape[0] == 32);
    CHECK(dense->shape[1] == 5);
    CHECK(*good->metadata().get_string("qwen3.dense_2_activation") == "tanh");
    std::vector<std::byte> bytes(dense->bytes);
    CHECK(good->read(*dense, 0, bytes).ok());
    for (const auto& [name, shape] : std::vector<std::pair<const char*, Json>>{
             {"linear.weight", {32}}, {"linear.weight", {0, 32}}, {"other", {5, 32}}}) {
        const auto folder = reopened(name, shape);
        CHECK(!folder->troubles().key.ok());
        CHECK_MESSAGE(folder->troubles().key.message().find("linear.weight") != std::string::npos,
                      folder->troubles().key.message());
    }
}

}  // namespace hearth::test
