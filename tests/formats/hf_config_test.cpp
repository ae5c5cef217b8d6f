// Configs of every class that is more than a key for a key, damaged: they are read or refused with a sentence.
#include <cmath>

#include <doctest/doctest.h>

#include "capi/folder_compressed.hpp"
#include "capi/folder_encoders.hpp"
#include "capi/folder_latent.hpp"
#include "formats/hf/config.hpp"
#include "hearth/base/rng.hpp"

namespace hearth::test {

namespace {

std::vector<Case> all_decoders() {
    std::vector<Case> out = decoder_cases();
    for (Case& c : compressed_cases()) out.push_back(std::move(c));
    return out;
}

// Leaves of a document, in order.
void leaves(nlohmann::json& j, std::vector<nlohmann::json*>& out) {
    if (j.is_structured() && !j.empty()) {
        for (auto& inner : j) leaves(inner, out);
    } else {
        out.push_back(&j);
    }
}

Metadata metadata_of(const nlohmann::json& config) {
    Metadata metadata;
    const auto json = formats::Json::parse(config.dump(), "config.json");
    REQUIRE(json.ok());
    const auto got = formats::read_config(*json, metadata);
    REQUIRE_MESSAGE(got.ok(), got.status().message());
    return metadata;
}

}  // namespace

TEST_CASE("config.json: values of other kinds and sizes are read or refused with a sentence") {
    const std::vector<nlohmann::json> values = {nullptr, true, false, -1, 0, 1, 3, 65537, 4294967296, 9223372036854775807, -0.5, 1e300, 0.0,
                                                "", "sliding_attention", "conv", nlohmann::json::array(), nlohmann::json::object(),
                                                nlohmann::json::array({1, "x", nullptr}), nlohmann::json::array({-1, 1e30})};
    std::uint64_t draw = 0;
    const auto next = [&] { return philox4x32(17, draw++, 0)[0]; };
    std::size_t read = 0, refused = 0;
    std::vector<nlohmann::json> configs;
    for (const Case& c : all_decoders()) configs.push_back(c.config);
    for (const EncoderCase& c : encoder_cases()) configs.push_back(c.config);
    for (const nlohmann::json& whole : configs) {
        CAPTURE(whole["architectures"].dump());
        for (int round = 0; round < 200; ++round) {
            nlohmann::json config = whole;
            std::vector<nlohmann::json*> all;
            leaves(config, all);
            for (std::uint32_t i = 0; i <= next() % 2; ++i) *all[next() % all.size()] = values[next() % values.size()];
            const auto json = formats::Json::parse(config.dump(), "config.json");
            REQUIRE(json.ok());
            Metadata metadata;
            const auto got = formats::read_config(*json, metadata);
            got.ok() ? ++read : ++refused;
            if (!got.ok()) CHECK(got.status().message().starts_with("config.json: "));
        }
    }
    MESSAGE(read << " damaged configs read, " << refused << " refused");
    CHECK(read >= 500);
    CHECK(refused >= 500);
}

TEST_CASE("config.json: the width of Gemma 4's global heads may stand beside the layers") {
    std::size_t seen = 0;
    for (Case& c : all_decoders()) {
        if (c.config["architectures"][0] != "Gemma4ForCausalLM" || !c.config.contains("global_head_dim")) continue;
        const auto width = [](const nlohmann::json& config) { return *metadata_of(config).get_uint("gemma4.attention.key_length"); };
        const auto told = width(c.config);
        const std::uint64_t wide = c.config["global_head_dim"];
        CHECK(told == wide);
        c.config.erase("global_head_dim");
        const auto types = c.config["layer_types"];
        for (std::size_t i = 0; i < types.size(); ++i)
            if (types[i] == "full_attention") c.config["per_layer_config"][std::to_string(i)]["head_dim"] = wide + 16;
        CHECK(width(c.config) == wide + 16);
        // Numbers are as long as the longest, and heads may differ as well.
        c.config.erase("per_layer_config");
        c.config["num_global_key_value_heads"] = nullptr;
        std::vector<std::uint64_t> heads(types.size(), c.config["num_key_value_heads"].get<std::uint64_t>());
        for (std::size_t i = 0; i < types.size(); ++i)
            if (types[i] == "full_attention") {
                c.config["per_layer_config"]["0" + std::to_string(i)] = {{"head_dim", wide + 8}, {"num_key_value_heads", 4}};
                heads[i] = 4;
            }
        CHECK(width(c.config) == wide + 8);
        const Metadata metadata = metadata_of(c.config);
        const MetaValue* counts = metadata.find("gemma4.attention.head_count_kv");
        REQUIRE((counts != nullptr && std::holds_alternative<std::vector<std::uint64_t>>(*counts)));
        CHECK(std::get<std::vector<std::uint64_t>>(*counts) == heads);
        ++seen;
    }
    CHECK(seen > 0);
}

TEST_CASE("config.json: YaRN's borders, Llama 4's chunks and frequency factors that meet are those of the config") {
    nlohmann::json llama = {{"architectures", {"LlamaForCausalLM"}}, {"hidden_size", 64}, {"num_hidden_layers", 1}, {"intermediate_size", 8},
                            {"num_attention_heads", 2}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-5}, {"rope_theta", 10000},
                            {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 8}, {"beta_fast", 16}, {"beta_slow", 2}, {"truncate", false}}}};
    Metadata metadata = metadata_of(llama);
    CHECK(*metadata.get_float("llama.rope.scaling.yarn_beta_fast") == 16);
    CHECK(*metadata.get_float("llama.rope.scaling.yarn_beta_slow") == 2);
    CHECK(*metadata.get_bool("llama.rope.scaling.yarn_truncate") == false);
    // Without frequencies between low and high ones each is one or the other.
    llama["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 16}, {"low_freq_factor", 1}, {"high_freq_factor", 1}, {"original_max_position_embeddings", 64}};
    const auto json = formats::Json::parse(llama.dump(), "config.json");
    REQUIRE(json.ok());
    Metadata read;
    const auto config = formats::read_config(*json, read);
    REQUIRE(config.ok());
    REQUIRE(config->factors.size() == 1);
    std::vector<float> expected;
    for (std::size_t i = 0; i < 16; ++i) expected.push_back(2 * 3.14159265358979 * std::pow(10000.0, static_cast<double>(i) / 16) > 64 ? 16.0F : 1.0F);
    CHECK(config->factors[0].values == expected);
    std::size_t seen = 0;
    for (Case& c : all_decoders()) {
        if (c.config["architectures"][0] != "Llama4ForCausalLM") continue;
        c.config.update({{"attention_chunk_size", 4096}, {"floor_scale", 1024}, {"attn_scale", 0.25}});
        metadata = metadata_of(c.config);
        CHECK(*metadata.get_uint("llama4.attention.chunk_size") == 4096);
        CHECK(*metadata.get_uint("llama4.attention.temperature_length") == 1024);
        CHECK(*metadata.get_float("llama4.attention.temperature_scale") == 0.25);
        ++seen;
    }
    CHECK(seen == 1);
}

TEST_CASE("config.json: what a class may say but hearth does not compute is refused by its key") {
    const auto refused = [](const std::string& golden, const char* key, const nlohmann::json& value) {
        for (const Case& c : all_decoders()) {
            if (c.golden != golden) continue;
            nlohmann::json config = c.config;
            (config.contains("text_config") ? config["text_config"] : config)[key] = value;
            const auto json = formats::Json::parse(config.dump(), "config.json");
            REQUIRE(json.ok());
            Metadata metadata;
            const auto got = formats::read_config(*json, metadata);
            CHECK_MESSAGE(!got.ok(), key);
            CHECK(got.status().code() == Code::unsupported);
            CHECK_MESSAGE(got.status().message().find(key) != std::string::npos, got.status().message());
        }
    };
    refused("llama4", "attention_chunk_size", nullptr);
    refused("llama4", "use_qk_norm", false);
    refused("llama4", "attn_temperature_tuning", false);
    refused("llama4", "moe_layers", {0, 2});
    refused("llama4", "no_rope_layers", {1, 1, 0, 1});
    refused("gemma3n", "altup_correct_scale", false);
    refused("gemma3n", "activation_sparsity_pattern", {0.9, 0.9, 0.9, 0.9, 0.9});
    refused("gemma4", "use_bidirectional_attention", "all");
    refused("gemma4", "layer_types", {"sliding_attention", "chunked_attention"});
    refused("qwen3next", "linear_value_head_dim", 32);
    refused("qwen35", "layer_types", {"linear_attention", "sliding_attention"});
    refused("lfm2", "conv_bias", true);
    refused("deepseek2", "scoring_func", "softmax");
    refused("deepseek2", "topk_method", "greedy");
    refused("deepseek2", "moe_layer_freq", 2);
    refused("deepseek2", "attention_bias", true);
    refused("deepseek2-groups", "scoring_func", "sigmoid");
    refused("deepseek2-groups", "norm_topk_prob", true);
    refused("deepseek2-groups", "topk_method", "noaux_tc");
    refused("mistral4", "rope_interleave", false);
    refused("mistral4", "mlp_layer_types", {"sparse", "dense", "sparse"});
    refused("deepseek4", "scoring_func", "sigmoid");
    refused("deepseek4", "topk_method", "greedy");
    refused("deepseek4", "norm_topk_prob", false);
    refused("deepseek4", "layer_types", {"sliding_attention", "full_attention", "sliding_attention", "sliding_attention"});
    refused("deepseek4", "mlp_layer_types", {"moe", "hash_moe", "moe", "moe"});
    refused("deepseek4", "compress_rates", {{"compressed_sparse_attention", 8}});
    refused("deepseek4", "rope_parameters", {{"type", "llama3"}, {"factor", 8}});
    refused("deepseek4", "rope_parameters", {{"type", "yarn"}, {"factor", 8}, {"attention_factor", 1.2}});
    const auto refused_encoder = [](const std::string& name, const char* key, const nlohmann::json& value) {
        for (const EncoderCase& c : encoder_cases()) {
            if (c.name() != name) continue;
            nlohmann::json config = c.config;
            config[key] = value;
            const auto json = formats::Json::parse(config.dump(), "config.json");
            REQUIRE(json.ok());
            Metadata metadata;
            const auto got = formats::read_config(*json, metadata);
            CHECK_MESSAGE(!got.ok(), key);
            CHECK_MESSAGE(got.status().message().find(key) != std::string::npos, got.status().message());
        }
    };
    refused_encoder("BertModel", "hidden_act", "relu");
    refused_encoder("BertModel", "position_embedding_type", "relative_key");
    refused_encoder("BertModel", "is_decoder", true);
    refused_encoder("RobertaModel", "pad_token_id", 601);
    refused_encoder("NomicBertModel", "rotary_emb_fraction", 0.5);
    refused_encoder("NomicBertModel", "prenorm", true);
    refused_encoder("ModernBertModel", "hidden_activation", "relu");
    refused_encoder("ModernBertModel", "norm_bias", true);
    refused_encoder("ModernBertForSequenceClassification", "classifier_activation", "tanh");
    refused_encoder("ModernBertModel", "layer_types", {"full_attention", "sliding_attention", "sliding_attention", "full_attention", "full_attention"});
    refused_encoder("ModernBertForSequenceClassification", "classifier_pooling", "max");
    refused_encoder("JinaBertModel", "feed_forward_type", "original");
    refused_encoder("NeoBERT", "ngpt", true);
    refused_encoder("NeoBERT", "intermediate_size", 0);
    refused("lfm2moe", "layer_types", {"conv", "sliding_attention"});
}

}  // namespace hearth::test
