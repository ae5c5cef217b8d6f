// Model files with random weights of any storage type for every decoder family, as keys and tensors that a test can
// change before they become a file.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/formats/gguf.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "layers/support.hpp"

namespace hearth::test {

inline constexpr const char* kArchitectures[] = {
    "deepseek2", "mistral4", "gemma2",  "gemma3", "gemma3n",  "gemma4", "glm4", "glm4moe", "gpt-oss", "granite",  "granitemoe",
    "lfm2", "lfm2moe", "llama", "llama4", "mistral3", "olmo2", "olmoe", "phi3", "phimoe",  "qwen2",   "qwen2moe", "qwen3",
    "qwen3moe", "qwen3next", "qwen35", "qwen35moe", "smollm3"};

struct ModelShape {
    std::string arch = "llama";
    std::string type = "F32";  // of the matrices
    std::uint64_t seed = 1;
    std::uint64_t layers = 2, embd = 256, heads = 4, kv_heads = 2, ffn = 512, vocab = 290, context = 1024;
    bool tied = false;
    bool factors = false;  // rope_freqs, or the short and long factors of phi3
    std::uint64_t predictors = 0;  // blocks behind the layers that predict further tokens
    std::uint64_t experts = 0, used = 2;  // for llama and mistral3; other mixtures of experts always have some

    bool is(std::initializer_list<std::string_view> names) const { return std::find(names.begin(), names.end(), arch) != names.end(); }
    bool moe() const {
        return experts != 0 || latent() ||
               is({"glm4moe", "gpt-oss", "granitemoe", "lfm2moe", "llama4", "olmoe", "phimoe", "qwen2moe", "qwen3moe", "qwen3next",
                   "qwen35moe"});
    }
    bool latent() const { return is({"deepseek2", "mistral4"}); }
    // Of latent attention: the latent and the rotated channels.
    std::uint64_t rank = 256, rotated = 32, query_rank = 64;
    // Every other layer, from the first on, has a recurrence in place of attention.
    bool delta() const { return is({"qwen3next", "qwen35", "qwen35moe"}); }
    bool short_conv() const { return is({"lfm2", "lfm2moe"}); }
    bool two_factors() const { return is({"phi3", "phimoe"}); }
};

class ModelFile {
public:
    struct Tensor {
        std::string name;
        std::uint32_t type;
        std::vector<std::uint64_t> shape;
        std::vector<std::byte> bytes;
    };
    std::map<std::string, MetaValue> keys;
    std::map<std::string, GgufType> stored;  // of keys that are not of the writer's choice
    std::vector<Tensor> tensors;

    explicit ModelFile(const ModelShape& shape) : s_(shape), draws_(shape.seed), head_(shape.embd / shape.heads) {
        metadata();
        vocabulary();
        matrix("token_embd", s_.embd, s_.vocab, 1);
        norm(s_.short_conv() ? "token_embd_norm" : "output_norm");
        if (!s_.tied) matrix("output", s_.embd, s_.vocab);
        if (s_.is({"gemma3n", "gemma4"})) {
            matrix("per_layer_token_embd", s_.embd * s_.layers, s_.vocab, 1);
            matrix("per_layer_model_proj", s_.embd, s_.embd * s_.layers);
            vector("per_layer_proj_norm.weight", s_.embd, 1);
        }
        if (s_.arch == "gemma3n") {
            for (const char* name : {"altup_proj", "altup_unembd_proj"}) {
                matrix(name, s_.embd, 3 * s_.embd);
                tensors.back().shape = {s_.embd, s_.embd, 3};
            }
        }
        for (std::uint64_t i = 0; i < s_.layers; ++i) layer(cat("blk.", i, "."));
        for (std::uint64_t i = s_.layers; i < s_.layers + s_.predictors; ++i) predictor(cat("blk.", i, "."));
        if (s_.factors) {
            const bool two = s_.two_factors();
            const std::uint64_t pairs = s_.latent() ? s_.rotated / 2 : s_.is({"glm4", "glm4moe"}) ? head_ / 4 : head_ / 2;
            vector(two ? "rope_factors_short.weight" : "rope_freqs.weight", pairs, 1.5F);
            if (two) vector("rope_factors_long.weight", pairs, 3);
        }
    }

    const ModelShape& shape() const { return s_; }
    std::string key(std::string_view name) const { return cat(s_.arch, ".", name); }
    void set(std::string_view name, MetaValue value) { keys[key(name)] = std::move(value); }
    Tensor& tensor(std::string_view name) {
        for (Tensor& t : tensors)
            if (t.name == name) return t;
        FAIL("no tensor " << std::string(name));
        return tensors.front();
    }
    bool has_tensor(std::string_view name) const {
        return std::any_of(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
    }
    void erase_tensor(std::string_view name) {
        std::erase_if(tensors, [&](const Tensor& t) { return t.name == name; });
    }
    void reshape(std::string_view name, std::vector<std::uint64_t> shape) {
        Tensor& t = tensor(name);
        std::uint64_t n = 1;
        for (std::uint64_t d : shape) n *= d;
        t.shape = std::move(shape);
        t.bytes.resize(find_codec(t.type)->row_bytes(n));
    }
    void add_floats(const std::string& name, const std::vector<float>& values) {
        std::vector<std::byte> bytes(values.size() * sizeof(float));
        std::memcpy(bytes.data(), values.data(), bytes.size());
        tensors.push_back({name, codec_id::F32, {values.size()}, std::move(bytes)});
    }
    // The same model with every tensor in F32.
    ModelFile as_floats() const {
        ModelFile out = *this;
        for (Tensor& t : out.tensors) {
            const auto values = decoded(*find_codec(t.type), t.bytes);
            t.type = codec_id::F32;
            t.bytes.resize(values.size() * sizeof(float));
            std::memcpy(t.bytes.data(), values.data(), t.bytes.size());
        }
        return out;
    }

    std::vector<std::vector<std::byte>> parts(std::size_t tensors_per_part) const {
        GgufWriter::Options options;
        options.tensors_per_part = tensors_per_part;
        GgufWriter writer(options);
        fill(writer);
        auto written = writer.write_parts();
        REQUIRE_MESSAGE(written.ok(), written.status().message());
        return *std::move(written);
    }
    std::vector<std::byte> bytes() const { return std::move(parts(0).front()); }
    void fill(GgufWriter& writer) const {
        for (const auto& [name, value] : keys) {
            const auto at = stored.find(name);
            const Status s = writer.set(name, value, at == stored.end() ? std::nullopt : std::optional(at->second));
            REQUIRE_MESSAGE(s.ok(), s.message());
        }
        for (const Tensor& t : tensors) {
            const Status s = writer.add_tensor(t.name, t.type, t.shape, t.bytes);
            REQUIRE_MESSAGE(s.ok(), s.message());
        }
    }

private:
    void metadata() {
        keys["general.architecture"] = s_.arch;
        set("context_length", s_.context);
        set("embedding_length", s_.embd);
        set("block_count", s_.layers + s_.predictors);
        if (s_.predictors != 0) set("nextn_predict_layers", s_.predictors);
        set("feed_forward_length", s_.ffn);
        set("attention.head_count", s_.heads);
        set("attention.head_count_kv", s_.kv_heads);
        set("attention.layer_norm_rms_epsilon", 1e-5);
        set("rope.freq_base", 10000.0);
        if (s_.moe()) {
            if (s_.experts == 0) s_.experts = 5;
            set("expert_count", s_.experts);
            set("expert_used_count", s_.used);
            set("expert_feed_forward_length", s_.ffn);
            if (s_.is({"qwen2moe", "granitemoe", "qwen3next", "qwen35moe"})) set("expert_shared_feed_forward_length", s_.ffn);
            if (s_.arch == "glm4moe") {
                set("expert_shared_count", std::uint64_t{1});
                set("leading_dense_block_count", std::uint64_t{1});
                set("expert_gating_func", std::uint64_t{2});
                set("expert_weights_norm", true);
                set("expert_weights_scale", 1.5);
            }
            if (s_.arch == "gpt-oss") set("attention.sliding_window", std::uint64_t{8});
            if (s_.arch == "lfm2moe") {
                set("leading_dense_block_count", std::uint64_t{1});
                set("expert_gating_func", std::uint64_t{2});
            }
        }
        if (s_.delta()) {
            set("full_attention_interval", std::uint64_t{2});
            set("ssm.conv_kernel", std::uint64_t{4});
            set("ssm.state_size", head_);
            set("ssm.group_count", s_.kv_heads);
            set("ssm.time_step_rank", s_.heads);
            set("ssm.inner_size", s_.embd);
            const std::uint64_t third = (head_ / 2 + 2) / 3;
            if (s_.arch != "qwen3next") set("rope.dimension_sections", std::vector<std::uint64_t>{third, third, third, 0});
        }
        if (s_.short_conv()) {
            set("shortconv.l_cache", std::uint64_t{3});
            std::vector<std::uint64_t> kv_heads;
            for (std::uint64_t i = 0; i < s_.layers; ++i) kv_heads.push_back(i % 2 == 0 ? 0 : s_.kv_heads);
            set("attention.head_count_kv", kv_heads);
        }
        if (s_.is({"glm4", "glm4moe"})) set("rope.dimension_count", head_ / 2);
        if (s_.latent()) {
            set("attention.kv_lora_rank", s_.rank);
            set("attention.key_length", s_.rank + s_.rotated);
            set("attention.value_length", s_.rank);
            set("attention.key_length_mla", head_ + s_.rotated);
            set("attention.value_length_mla", head_);
            set("rope.dimension_count", s_.rotated);
            set("expert_shared_count", std::uint64_t{1});
            set("leading_dense_block_count", std::uint64_t{1});
            set("expert_weights_scale", 1.5);
        }
        if (s_.arch == "deepseek2") {
            set("expert_gating_func", std::uint64_t{2});
            set("expert_weights_norm", true);
        }
        if (s_.arch == "mistral4") {
            set("attention.q_lora_rank", s_.query_rank);
            set("rope.scaling.type", std::string("yarn"));
            set("rope.scaling.factor", 4.0);
            set("rope.scaling.original_context_length", std::max<std::uint64_t>(1, s_.context / 4));
            set("rope.scaling.yarn_log_multiplier", 0.1);
            set("attention.temperature_scale", 0.1);
            set("attention.temperature_length", std::uint64_t{4});
        }
        if (s_.arch == "llama4") set("interleave_moe_layer_step", std::uint64_t{2});
        if (s_.is({"gemma2", "gemma3", "gemma3n", "gemma4"})) {
            set("attention.sliding_window", std::uint64_t{8});
            set("final_logit_softcapping", 20.0);
        }
        if (s_.arch == "gemma2") set("attn_logit_softcapping", 5.0);
        if (s_.arch == "gemma4") {
            std::vector<bool> local;
            for (std::uint64_t i = 0; i < s_.layers; ++i) local.push_back(i % 2 == 0);
            set("attention.sliding_window_pattern", local);
            set("attention.key_length", head_);
            set("attention.value_length", head_);
            set("attention.key_length_swa", head_ / 2);
            set("attention.value_length_swa", head_ / 2);
            set("attention.shared_kv_layers", std::uint64_t{s_.layers > 2 ? s_.layers - 2 : 0});
            set("rope.freq_base_swa", 500.0);
        }
        if (s_.arch == "gemma3n") {
            set("attention.sliding_window_pattern", std::uint64_t{2});
            set("attention.shared_kv_layers", std::uint64_t{s_.layers > 2 ? s_.layers - 2 : 0});
            set("altup.num_inputs", std::uint64_t{4});
            set("altup.active_idx", std::uint64_t{0});
            std::vector<double> sparse(s_.layers, -std::numeric_limits<double>::infinity());
            sparse[0] = 0.5;
            set("activation_sparsity_scale", sparse);
        }
        if (s_.is({"gemma3n", "gemma4"})) set("embedding_length_per_layer_input", s_.embd);
        if (s_.arch == "olmo2") {
            set("attention.sliding_window", std::uint64_t{8});
            set("attention.sliding_window_pattern", std::uint64_t{2});
        }
        if (s_.arch == "gemma3") {
            set("attention.sliding_window_pattern", std::uint64_t{2});
            set("rope.freq_base_swa", 500.0);
            set("rope.scaling.type", std::string("linear"));
            set("rope.scaling.factor", 8.0);
        }
        if (s_.arch == "mistral3") {
            set("attention.key_length", head_);
            set("attention.value_length", head_);
            set("rope.dimension_count", head_);
            set("rope.scaling.type", std::string("yarn"));
            set("rope.scaling.factor", 4.0);
            set("rope.scaling.original_context_length", std::max<std::uint64_t>(1, s_.context / 4));
            set("rope.scaling.yarn_log_multiplier", 1.0);
            set("attention.temperature_scale", 0.1);
        }
        if (s_.two_factors()) set("rope.scaling.original_context_length", std::max<std::uint64_t>(1, s_.context / 8));
        if (s_.is({"granite", "granitemoe"})) {
            set("attention.scale", 0.1);
            set("embedding_scale", 3.0);
            set("residual_scale", 0.5);
            set("logit_scale", 2.0);
        }
    }

    // SentencePiece: three special tokens, the bytes, and letters.
    void vocabulary() {
        constexpr char hex[] = "0123456789ABCDEF";
        std::vector<std::string> texts{"<unk>", "<s>", "</s>"};
        std::vector<std::int64_t> types{2, 3, 3};
        for (unsigned b = 0; b < 256; ++b) {
            texts.push_back({'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'});
            types.push_back(6);
        }
        for (std::uint64_t i = texts.size(); i < s_.vocab; ++i) {
            texts.push_back(i == 259 ? "\u2581" : cat(static_cast<char>('a' + i % 26), i < 286 ? "" : cat(i)));
            types.push_back(1);
        }
        keys["tokenizer.ggml.scores"] = std::vector<double>(texts.size(), -1.0);
        keys["tokenizer.ggml.model"] = std::string("llama");
        keys["tokenizer.ggml.tokens"] = std::move(texts);
        keys["tokenizer.ggml.token_type"] = std::move(types);
        keys["tokenizer.ggml.bos_token_id"] = std::uint64_t{1};
        keys["tokenizer.ggml.eos_token_id"] = std::uint64_t{2};
        keys["tokenizer.ggml.unknown_token_id"] = std::uint64_t{0};
    }

    void layer(const std::string& at) {
        const std::uint64_t number = std::stoull(at.substr(4));
        // Gemma 4: every other layer local with narrow heads. Keys and values stand in the first two layers alone.
        const std::uint64_t head = s_.arch == "gemma4" && number % 2 == 0 ? head_ / 2 : head_;
        const bool has_kv = !s_.is({"gemma3n", "gemma4"}) || number < 2;
        const std::uint64_t q = s_.heads * head, kv = s_.kv_heads * head;
        if (s_.arch != "olmo2") norm(at + "attn_norm");
        const bool recurrent = (s_.delta() || s_.short_conv()) && number % 2 == 0 && number < s_.layers;
        if (recurrent) {
            recurrence(at);
        } else if (s_.arch == "phi3") {
            matrix(at + "attn_qkv", s_.embd, q + 2 * kv);
        } else if (s_.latent()) {
            latent(at);
        } else {
            matrix(at + "attn_q", s_.embd, s_.delta() ? 2 * q : q);
            if (has_kv) matrix(at + "attn_k", s_.embd, kv);
            if (has_kv) matrix(at + "attn_v", s_.embd, kv);
        }
        if (s_.is({"glm4", "glm4moe", "gpt-oss", "phimoe", "qwen2", "qwen2moe"})) {
            vector(at + "attn_q.bias", q, 0);
            vector(at + "attn_k.bias", kv, 0);
            vector(at + "attn_v.bias", kv, 0);
        }
        if (s_.is({"olmo2", "olmoe"})) {
            vector(at + "attn_q_norm.weight", q, 1);
            vector(at + "attn_k_norm.weight", kv, 1);
        }
        if (s_.arch == "gpt-oss") vector(at + "attn_sinks.weight", s_.heads, 0);
        const bool head_norms = s_.is({"gemma3", "gemma3n", "gemma4", "glm4moe", "qwen3", "qwen3moe"}) || s_.delta() || s_.short_conv();
        if (head_norms && !recurrent) {
            vector(at + "attn_q_norm.weight", head, 1);
            if (has_kv) vector(at + "attn_k_norm.weight", head, 1);
        }
        if (!recurrent) matrix(at + "attn_output", q, s_.embd);
        if (s_.is({"gpt-oss", "phimoe"})) vector(at + "attn_output.bias", s_.embd, 0);
        if (s_.arch != "olmo2") norm(at + (s_.is({"gpt-oss", "glm4moe"}) || s_.delta() ? "post_attention_norm" : "ffn_norm"));
        if (s_.is({"gemma3n", "gemma4"})) {
            matrix(at + "inp_gate", s_.embd, s_.embd);
            matrix(at + "proj", s_.embd, s_.embd);
            norm(at + "post_norm");
        }
        if (s_.arch == "gemma4") vector(at + "layer_output_scale.weight", 1, 1);
        if (s_.arch == "gemma3n") {
            matrix(at + "altup_router", s_.embd, 4);
            norm(at + "altup_router_norm");
            norm(at + "altup_correct_scale");
            for (const std::uint64_t rows : {4, 16}) {
                vector(at + (rows == 16 ? "altup_predict_coef.weight" : "altup_correct_coef.weight"), 4 * rows, 0);
                tensors.back().shape = {4, rows};
            }
            matrix(at + "laurel_l", s_.embd, 64);
            matrix(at + "laurel_r", 64, s_.embd);
            norm(at + "laurel_post_norm");
        }
        const bool dense = ((s_.is({"glm4moe", "lfm2moe"}) || s_.latent()) && number == 0) || (s_.arch == "llama4" && number % 2 == 0);
        if (s_.moe() && !dense) {
            experts(at);
            if (s_.arch != "gemma4") return;
            for (const char* name : {"post_ffw_norm_1", "pre_ffw_norm_2", "post_ffw_norm_2"}) norm(at + name);
        }
        if (s_.is({"gemma2", "gemma3", "gemma3n", "gemma4", "glm4", "olmo2"})) {
            norm(at + "post_attention_norm");
            norm(at + "post_ffw_norm");
        }
        const bool fused = s_.is({"glm4", "phi3"});
        if (!fused) matrix(at + "ffn_gate", s_.embd, s_.ffn);
        matrix(at + "ffn_up", s_.embd, fused ? 2 * s_.ffn : s_.ffn);
        matrix(at + "ffn_down", s_.ffn, s_.embd);
    }

    void predictor(const std::string& at) {
        layer(at);
        matrix(at + "nextn.eh_proj", 2 * s_.embd, s_.embd);
        for (const char* name : {"enorm", "hnorm", "shared_head_norm"}) norm(at + "nextn." + name);
    }

    void latent(const std::string& at) {
        const std::uint64_t q = s_.heads * (head_ + s_.rotated);
        if (s_.arch == "deepseek2") {
            matrix(at + "attn_q", s_.embd, q);
        } else {
            matrix(at + "attn_q_a", s_.embd, s_.query_rank);
            vector(at + "attn_q_a_norm.weight", s_.query_rank, 1);
            matrix(at + "attn_q_b", s_.query_rank, q);
        }
        matrix(at + "attn_kv_a_mqa", s_.embd, s_.rank + s_.rotated);
        vector(at + "attn_kv_a_norm.weight", s_.rank, 1);
        matrix(at + "attn_k_b", head_, s_.rank * s_.heads);
        tensors.back().shape = {head_, s_.rank, s_.heads};
        matrix(at + "attn_v_b", s_.rank, head_ * s_.heads);
        tensors.back().shape = {s_.rank, head_, s_.heads};
    }

    void recurrence(const std::string& at) {
        if (s_.short_conv()) {
            matrix(at + "shortconv.in_proj", s_.embd, 3 * s_.embd);
            vector(at + "shortconv.conv.weight", 3 * s_.embd, 0.3F);
            tensors.back().shape = {3, s_.embd};
            matrix(at + "shortconv.out_proj", s_.embd, s_.embd);
            return;
        }
        const std::uint64_t channels = (2 * s_.kv_heads + s_.heads) * head_;
        matrix(at + "attn_qkv", s_.embd, channels);
        matrix(at + "attn_gate", s_.embd, s_.embd);
        if (s_.arch == "qwen3next") {
            matrix(at + "ssm_ba", s_.embd, 2 * s_.heads);
        } else {
            matrix(at + "ssm_beta", s_.embd, s_.heads);
            matrix(at + "ssm_alpha", s_.embd, s_.heads);
        }
        vector(at + "ssm_conv1d.weight", 4 * channels, 0.3F);
        tensors.back().shape = {4, channels};
        vector(at + "ssm_dt.bias", s_.heads, 0);
        vector(at + "ssm_a", s_.heads, -1);
        vector(at + "ssm_norm.weight", head_, 1);
        matrix(at + "ssm_out", s_.embd, s_.embd);
    }

    void experts(const std::string& at) {
        matrix(at + "ffn_gate_inp", s_.embd, s_.experts);
        stack(at + "ffn_gate_exps", s_.embd, s_.ffn);
        stack(at + "ffn_up_exps", s_.embd, s_.ffn);
        stack(at + "ffn_down_exps", s_.ffn, s_.embd);
        if (s_.arch == "gpt-oss") vector(at + "ffn_gate_inp.bias", s_.experts, 0);
        if (s_.arch == "gemma4") vector(at + "ffn_gate_inp.scale", s_.embd, 1);
        if (s_.is({"deepseek2", "glm4moe", "lfm2moe"})) vector(at + "exp_probs_b.bias", s_.experts, 0);
        if (!s_.is({"glm4moe", "granitemoe", "llama4", "qwen2moe", "qwen3next", "qwen35moe"}) && !s_.latent()) return;
        if (s_.is({"qwen2moe", "qwen3next", "qwen35moe"})) vector(at + "ffn_gate_inp_shexp.weight", s_.embd, 0);
        matrix(at + "ffn_gate_shexp", s_.embd, s_.ffn);
        matrix(at + "ffn_up_shexp", s_.embd, s_.ffn);
        matrix(at + "ffn_down_shexp", s_.ffn, s_.embd);
    }
    void stack(const std::string& name, std::uint64_t in, std::uint64_t out) {
        matrix(name, in, out * s_.experts);
        tensors.back().shape = {in, out, s_.experts};
        if (s_.arch != "gpt-oss") return;
        add_floats(name + ".bias", draws_.many(out * s_.experts, 0.2F));
        tensors.back().shape = {out, s_.experts};
    }
    void norm(const std::string& name) {
        vector(name + ".weight", s_.embd, 1);
        if (s_.arch == "phimoe") vector(name + ".bias", s_.embd, 0);
    }

    void matrix(const std::string& name, std::uint64_t in, std::uint64_t out, float limit = 0) {
        const Codec* codec = find_codec(s_.type);
        REQUIRE(codec != nullptr);
        if (in % codec->block_values != 0) codec = find_codec("F32");  // as quantisers fall back to another type
        if (limit == 0) limit = 2 / std::sqrt(static_cast<float>(in));
        tensors.push_back({name + ".weight", codec->id, {in, out}, random_blocks(draws_, *codec, in * out, limit)});
    }
    void vector(const std::string& name, std::uint64_t n, float mean) { add_floats(name, draws_.many(n, 0.2F, mean)); }

    ModelShape s_;
    Draws draws_;
    std::uint64_t head_;
};

// A file in memory, opened; it keeps the bytes.
struct Opened {
    std::vector<std::byte> bytes;
    std::unique_ptr<Gguf> file;

    explicit Opened(const ModelFile& model) : bytes(model.bytes()) {
        auto source = open_memory(bytes);
        REQUIRE(source.ok());
        auto opened = Gguf::open(*std::move(source));
        REQUIRE_MESSAGE(opened.ok(), opened.status().message());
        file = *std::move(opened);
    }
};

}  // namespace hearth::test
