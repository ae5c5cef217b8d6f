// Encoders and embedders as folders: which model in GGUF, by which class, with which config and names.
#pragma once

#include "capi/folder_families.hpp"

namespace hearth::test {

struct EncoderCase {
    // A golden by its name; else a random model of the architecture, with a head that scores where the class has one.
    std::string source;
    bool golden = false, head = false;
    nlohmann::json config;
    std::vector<Rename> renames;  // those of kUsual follow
    // Other files of the folder, by their names.
    std::vector<std::pair<std::string, nlohmann::json>> files;

    std::string name() const { return config["architectures"][0]; }
};

inline nlohmann::json pooling_by(const char* flag) { return {{"word_embedding_dimension", 64}, {flag, true}, {"include_prompt", true}}; }
inline nlohmann::json module(int idx, const char* path, const char* type) {
    return {{"idx", idx}, {"name", std::to_string(idx)}, {"path", path}, {"type", std::string("sentence_transformers.models.") + type}};
}
// As sentence-transformers writes it: mean pooling, perhaps vectors of length one.
inline std::vector<std::pair<std::string, nlohmann::json>> mean_modules() {
    return {{"modules.json", {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")}},
            {"1_Pooling/config.json",
             {{"pooling_mode_cls_token", false}, {"pooling_mode_mean_tokens", true}, {"pooling_mode_max_tokens", false}}},
            {"sentence_bert_config.json", {{"max_seq_length", 128}, {"do_lower_case", false}}}};
}
// Without modules.json.
inline std::vector<std::pair<std::string, nlohmann::json>> mean_alone() { return {{"1_Pooling/config.json", pooling_by("pooling_mode_mean_tokens")}}; }

inline std::vector<Rename> bert_renames(const std::string& prefix, std::vector<Rename> own = {}) {
    const std::string layer = prefix + "encoder.layer.{L}.";
    own.insert(own.end(), {{"token_embd", prefix + "embeddings.word_embeddings"},
                           {"position_embd", prefix + "embeddings.position_embeddings"},
                           {"token_types", prefix + "embeddings.token_type_embeddings"},
                           {"token_embd_norm", prefix + "embeddings.LayerNorm"},
                           {"blk.{L}.attn_q", layer + "attention.self.query"},
                           {"blk.{L}.attn_k", layer + "attention.self.key"},
                           {"blk.{L}.attn_v", layer + "attention.self.value"},
                           {"blk.{L}.attn_output", layer + "attention.output.dense"},
                           {"blk.{L}.attn_output_norm", layer + "attention.output.LayerNorm"},
                           {"blk.{L}.ffn_up", layer + "intermediate.dense"},
                           {"blk.{L}.ffn_down", layer + "output.dense"},
                           {"blk.{L}.layer_output_norm", layer + "output.LayerNorm"},
                           {"cls", prefix + "pooler.dense"},
                           {"cls.output", "classifier"}});
    return own;
}

// The random encoders of tests/models/random_encoder.hpp.
inline nlohmann::json encoder_config(const char* name, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json c = {{"architectures", {name}}, {"hidden_size", 64}, {"num_hidden_layers", 3}, {"intermediate_size", 96},
                        {"num_attention_heads", 4}, {"max_position_embeddings", 600}, {"vocab_size", 290}};
    c.update(more);
    return c;
}

inline std::vector<EncoderCase> bert_cases() {
    const nlohmann::json more = {{"hidden_act", "gelu"}, {"layer_norm_eps", 1e-12}, {"type_vocab_size", 2}, {"position_embedding_type", "absolute"},
                                 {"pad_token_id", 0}, {"is_decoder", false}, {"rope_scaling", nullptr}};
    nlohmann::json roberta = more, scores = more;
    roberta["pad_token_id"] = 1;
    roberta["max_position_embeddings"] = 602;
    scores["id2label"] = {{"0", "good"}, {"1", "fair"}, {"2", "bad"}};
    std::vector<EncoderCase> out = {{"bert", false, false, encoder_config("BertModel", more), bert_renames(""), mean_modules()},
                                    {"bert", false, true, encoder_config("BertForSequenceClassification", scores), bert_renames("bert."), {}}};
    for (const char* name : {"BertForMaskedLM", "BertForPreTraining"})
        out.push_back({"bert", false, false, encoder_config(name, more), bert_renames("bert."), mean_alone()});
    const std::vector<Rename> cut = {{"position_embd", "embeddings.position_embeddings", How::padded}},
                              cut_deeper = {{"position_embd", "roberta.embeddings.position_embeddings", How::padded},
                                            {"cls", "classifier.dense"},
                                            {"cls.output", "classifier.out_proj"}};
    for (const char* name : {"RobertaModel", "XLMRobertaModel"})
        out.push_back({"bert", false, false, encoder_config(name, roberta), bert_renames("", cut), mean_modules()});
    for (const char* name : {"RobertaForMaskedLM", "XLMRobertaForMaskedLM"})
        out.push_back({"bert", false, false, encoder_config(name, roberta), bert_renames("roberta.", cut_deeper), mean_alone()});
    for (const char* name : {"RobertaForSequenceClassification", "XLMRobertaForSequenceClassification"}) {
        roberta["id2label"] = {{"0", "LABEL_0"}, {"1", "LABEL_1"}, {"2", "LABEL_2"}};
        out.push_back({"bert", false, true, encoder_config(name, roberta), bert_renames("roberta.", cut_deeper), {}});
    }
    for (const std::string prefix : {"", "distilbert."}) {
        const std::string layer = prefix + "transformer.layer.{L}.";
        out.push_back({"bert", false, false,
                       {{"architectures", {prefix.empty() ? "DistilBertModel" : "DistilBertForMaskedLM"}}, {"dim", 64}, {"n_layers", 3}, {"n_heads", 4},
                        {"hidden_dim", 96}, {"max_position_embeddings", 600}, {"activation", "gelu"}, {"sinusoidal_pos_embds", false}},
                       bert_renames(prefix, {{"blk.{L}.attn_q", layer + "attention.q_lin"},
                                             {"blk.{L}.attn_k", layer + "attention.k_lin"},
                                             {"blk.{L}.attn_v", layer + "attention.v_lin"},
                                             {"blk.{L}.attn_output", layer + "attention.out_lin"},
                                             {"blk.{L}.attn_output_norm", layer + "sa_layer_norm"},
                                             {"blk.{L}.ffn_up", layer + "ffn.lin1"},
                                             {"blk.{L}.ffn_down", layer + "ffn.lin2"},
                                             {"blk.{L}.layer_output_norm", layer + "output_layer_norm"}}),
                       mean_alone()});
    }
    return out;
}

inline std::vector<EncoderCase> jina_cases() {
    const nlohmann::json two = {{"hidden_act", "gelu"}, {"layer_norm_eps", 1e-12}, {"feed_forward_type", "geglu"}, {"position_embedding_type", "alibi"}};
    const auto own = [](const std::string& prefix, bool code) {
        const std::string layer = prefix + "encoder.layer.{L}.";
        return bert_renames(prefix, {{"blk.{L}.attn_q_norm", layer + "attention.self.layer_norm_q"},
                                     {"blk.{L}.attn_k_norm", layer + "attention.self.layer_norm_k"},
                                     {"blk.{L}.attn_norm_2", layer + "layer_norm_1"},
                                     {"blk.{L}.ffn_up", layer + (code ? "mlp.up_gated_layer" : "mlp.gated_layers"), code ? How::swapped : How::plain},
                                     {"blk.{L}.ffn_down", layer + (code ? "mlp.down_layer" : "mlp.wo")},
                                     {"blk.{L}.layer_output_norm", layer + (code ? "layer_norm_2" : "mlp.layernorm")}});
    };
    nlohmann::json three = {{"layer_norm_eps", 1e-12}, {"hidden_act", "gelu"}, {"position_embedding_type", "rotary"}, {"rotary_emb_base", 10000.0}};
    // The class that transformers has by itself, without adapters.
    nlohmann::json own_class = {{"layer_norm_eps", 1e-12}, {"hidden_act", "gelu"}, {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 10000.0}}}};
    const std::string layer = "roberta.encoder.layers.{L}.", adapted = ".parametrizations.weight.original";
    return {{"jina-bert-v2", false, false, encoder_config("JinaBertModel", two), own("", false), mean_alone()},
            {"jina-bert-v2", false, false, encoder_config("JinaBertForMaskedLM", two), own("bert.", true), mean_alone()},
            {"jina-bert-v2", false, true, encoder_config("JinaBertForSequenceClassification", two), own("bert.", false), {}},
            {"jina-bert-v3", false, false, encoder_config("XLMRobertaModel", three),
             {{"token_embd.weight", "roberta.embeddings.word_embeddings" + adapted},
              {"token_types.weight", "roberta.embeddings.token_type_embeddings" + adapted},
              {"token_embd_norm", "roberta.emb_ln"},
              {"blk.{L}.attn_qkv.weight", layer + "mixer.Wqkv" + adapted},
              {"blk.{L}.attn_qkv", layer + "mixer.Wqkv"},
              {"blk.{L}.attn_output.weight", layer + "mixer.out_proj" + adapted},
              {"blk.{L}.attn_output", layer + "mixer.out_proj"},
              {"blk.{L}.attn_output_norm", layer + "norm1"},
              {"blk.{L}.layer_output_norm", layer + "norm2"},
              {"blk.{L}.ffn_up.weight", layer + "mlp.fc1" + adapted},
              {"blk.{L}.ffn_up", layer + "mlp.fc1"},
              {"blk.{L}.ffn_down.weight", layer + "mlp.fc2" + adapted},
              {"blk.{L}.ffn_down", layer + "mlp.fc2"}},
             mean_alone()},
            {"jina-bert-v3", false, false, encoder_config("JinaEmbeddingsV3Model", own_class),
             {{"token_embd", "embeddings.word_embeddings"},
              {"token_types", "embeddings.token_type_embeddings"},
              {"token_embd_norm", "emb_ln"},
              {"blk.{L}.attn_qkv", "encoder.layers.{L}.mixer.Wqkv"},
              {"blk.{L}.attn_output", "encoder.layers.{L}.mixer.out_proj"},
              {"blk.{L}.attn_output_norm", "encoder.layers.{L}.norm1"},
              {"blk.{L}.layer_output_norm", "encoder.layers.{L}.norm2"},
              {"blk.{L}.ffn_up", "encoder.layers.{L}.mlp.fc1"},
              {"blk.{L}.ffn_down", "encoder.layers.{L}.mlp.fc2"}},
             mean_alone()}};
}

inline std::vector<EncoderCase> nomic_cases() {
    const nlohmann::json config = {{"architectures", {"NomicBertModel"}}, {"n_embd", 64}, {"n_layer", 3}, {"n_inner", 96}, {"n_head", 4},
                                   {"n_positions", 8192}, {"max_trained_positions", 600}, {"layer_norm_epsilon", 1e-12}, {"rotary_emb_base", 10000},
                                   {"rotary_emb_fraction", 1.0}, {"rotary_emb_interleaved", false}, {"activation_function", "swiglu"},
                                   {"prenorm", false}, {"causal", false}, {"rotary_scaling_factor", nullptr}};
    nlohmann::json experts = config;
    experts.update({{"activation_function", "gelu"}, {"num_experts", 5}, {"moe_top_k", 2}, {"moe_every_n_layers", 2}});
    std::vector<Rename> renames = {{"token_embd", "embeddings.word_embeddings"},
                                   {"token_types", "embeddings.token_type_embeddings"},
                                   {"token_embd_norm", "emb_ln"},
                                   {"blk.{L}.attn_qkv", "encoder.layers.{L}.attn.Wqkv"},
                                   {"blk.{L}.attn_output", "encoder.layers.{L}.attn.out_proj"},
                                   {"blk.{L}.attn_output_norm", "encoder.layers.{L}.norm1"},
                                   {"blk.{L}.layer_output_norm", "encoder.layers.{L}.norm2"},
                                   {"blk.{L}.ffn_gate", "encoder.layers.{L}.mlp.fc12"},
                                   {"blk.{L}.ffn_up", "encoder.layers.{L}.mlp.fc11"},
                                   {"blk.{L}.ffn_down", "encoder.layers.{L}.mlp.fc2"}};
    std::vector<Rename> sparse = {{"blk.{L}.ffn_gate_inp", "encoder.layers.{L}.mlp.router.layer"},
                                  {"blk.{L}.ffn_up_exps.weight", "encoder.layers.{L}.mlp.experts.mlp.w1", How::stacked},
                                  {"blk.{L}.ffn_down_exps.weight", "encoder.layers.{L}.mlp.experts.mlp.w2", How::stacked_transposed},
                                  {"blk.{L}.ffn_exps_sum", "encoder.layers.{L}.mlp.experts"},
                                  {"blk.{L}.ffn_up", "encoder.layers.{L}.mlp.fc1"}};
    sparse.insert(sparse.end(), renames.begin(), renames.end());
    // As transformers 5 writes it.
    const nlohmann::json later = encoder_config("NomicBertModel", {{"layer_norm_eps", 1e-12}, {"hidden_act", "silu"}, {"type_vocab_size", 2}, {"head_dim", nullptr},
                                                                   {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 10000.0}}}});
    return {{"nomic-bert", false, false, config, renames, mean_modules()},
            {"nomic-bert", false, false, later, renames, mean_alone()},
            {"nomic-bert-moe", false, false, experts, sparse, mean_modules()}};
}

inline std::vector<EncoderCase> modern_cases() {
    const nlohmann::json more = {{"norm_eps", 1e-12}, {"hidden_activation", "gelu"}, {"local_attention", 9}, {"global_rope_theta", 10000.0},
                                 {"local_rope_theta", 500.0}, {"global_attn_every_n_layers", 2}, {"classifier_pooling", "mean"}};
    nlohmann::json later = more;  // as transformers 5 writes it
    for (const char* key : {"global_rope_theta", "local_rope_theta", "global_attn_every_n_layers"}) later.erase(key);
    later["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
    later["rope_parameters"] = {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 10000.0}}},
                                {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 500.0}}}};
    const auto renames = [](const std::string& prefix) -> std::vector<Rename> {
        return {{"token_embd", prefix + "embeddings.tok_embeddings"},
                {"token_embd_norm", prefix + "embeddings.norm"},
                {"output_norm", prefix + "final_norm"},
                {"blk.{L}.attn_norm", prefix + "layers.{L}.attn_norm"},
                {"blk.{L}.attn_qkv", prefix + "layers.{L}.attn.Wqkv"},
                {"blk.{L}.attn_output", prefix + "layers.{L}.attn.Wo"},
                {"blk.{L}.ffn_norm", prefix + "layers.{L}.mlp_norm"},
                {"blk.{L}.ffn_up", prefix + "layers.{L}.mlp.Wi"},
                {"blk.{L}.ffn_down", prefix + "layers.{L}.mlp.Wo"},
                {"cls", "head.dense"},
                {"cls.norm", "head.norm"},
                {"cls.output", "classifier"}};
    };
    return {{"modern-bert", false, false, encoder_config("ModernBertModel", later), renames(""), mean_alone()},
            {"modern-bert", false, false, encoder_config("ModernBertForMaskedLM", more), renames("model."), mean_modules()},
            {"modern-bert", false, true, encoder_config("ModernBertForSequenceClassification", more), renames("model."), {}}};
}

// Encoders of a decoder's build, and decoders that embed.
inline std::vector<EncoderCase> decoder_like_cases() {
    const nlohmann::json rms = {{"rms_norm_eps", 1e-5}, {"rope_theta", 10000.0}, {"hidden_act", "silu"}, {"num_key_value_heads", 4}};
    std::vector<Rename> bare, deeper;
    for (const Rename& r : kUsual) {
        bare.push_back(r);
        deeper.push_back({r.from, "model." + r.to, r.how});
    }
    std::vector<Rename> paired = {{"blk.{L}.attn_q", "layers.{L}.self_attn.q_proj", How::halves}, {"blk.{L}.attn_k", "layers.{L}.self_attn.k_proj", How::halves}};
    paired.insert(paired.end(), bare.begin(), bare.end());
    const nlohmann::json neo = {{"architectures", {"NeoBERTLMHead"}}, {"hidden_size", 64}, {"num_hidden_layers", 3}, {"intermediate_size", 144},
                                {"num_attention_heads", 4}, {"max_length", 600}, {"norm_eps", 1e-5}, {"hidden_act", "SwiGLU"}, {"rope", true}, {"rms_norm", true}};
    nlohmann::json neo_bare = neo;
    neo_bare["architectures"] = {"NeoBERT"};
    const auto neo_renames = [](const std::string& p) -> std::vector<Rename> {
        return {{"token_embd", p + "encoder"},
                {"enc.output_norm", p + "layer_norm"},
                {"blk.{L}.attn_norm", p + "transformer_encoder.{L}.attention_norm"},
                {"blk.{L}.attn_qkv", p + "transformer_encoder.{L}.qkv", How::by_heads},
                {"blk.{L}.attn_output", p + "transformer_encoder.{L}.wo"},
                {"blk.{L}.ffn_norm", p + "transformer_encoder.{L}.ffn_norm"},
                {"blk.{L}.ffn_up", p + "transformer_encoder.{L}.ffn.w12"},
                {"blk.{L}.ffn_down", p + "transformer_encoder.{L}.ffn.w3"}};
    };
    const std::vector<std::pair<std::string, nlohmann::json>> last = {{"1_Pooling/config.json", pooling_by("pooling_mode_lasttoken")}};
    std::vector<EncoderCase> out = {{"eurobert", false, false, encoder_config("EuroBertModel", rms), bare, mean_modules()},
                                    {"eurobert", false, false, encoder_config("EuroBertForMaskedLM", rms), deeper, mean_alone()},
                                    {"llama-embed", false, false, encoder_config("LlamaBidirectionalModel", rms), paired, mean_alone()},
                                    {"neo-bert", false, false, neo, neo_renames("model."), mean_alone()},
                                    {"neo-bert", false, false, neo_bare, neo_renames(""), mean_alone()}};
    // The random decoders of tests/models/random_model.hpp, as embedders without an output.
    const nlohmann::json dense = {{"hidden_size", 256}, {"num_hidden_layers", 2}, {"intermediate_size", 512}, {"num_attention_heads", 4},
                                  {"num_key_value_heads", 2}, {"max_position_embeddings", 1024}, {"rms_norm_eps", 1e-5}, {"rope_theta", 10000.0}};
    for (const char* name : {"LlamaModel", "MistralModel"}) out.push_back({"llama", false, false, alone(name, dense), paired, mean_alone()});
    out.push_back({"qwen2", false, false, alone("Qwen2Model", dense), bare, mean_alone()});
    std::vector<Rename> scores = deeper;
    scores.push_back({"cls.output", "score"});
    out.push_back({"qwen3", false, true, alone("Qwen3ForSequenceClassification", dense), scores, {}});
    const nlohmann::json qwen = {{"hidden_size", 64}, {"num_hidden_layers", 2}, {"intermediate_size", 80}, {"num_attention_heads", 4},
                                 {"num_key_value_heads", 2}, {"head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"rope_theta", 1000000.0}};
    for (const char* name : {"Qwen3Model", "Qwen3ForCausalLM"}) {
        std::vector<Rename> renames = bare;
        out.push_back({"qwen3-embedding", true, false, alone(name, qwen), renames,
                       {{"modules.json", {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")}}, last.front()}});
    }
    std::vector<Rename> gemma = {{"output_norm", "norm", How::minus_one},
                                 {"dense_2.weight", "", How::gone},  // in folders of their own
                                 {"dense_3.weight", "", How::gone},
                                 {"blk.{L}.attn_norm", "layers.{L}.input_layernorm", How::minus_one},
                                 {"blk.{L}.attn_q_norm", "layers.{L}.self_attn.q_norm", How::minus_one},
                                 {"blk.{L}.attn_k_norm", "layers.{L}.self_attn.k_norm", How::minus_one},
                                 {"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm", How::minus_one},
                                 {"blk.{L}.ffn_norm", "layers.{L}.pre_feedforward_layernorm", How::minus_one},
                                 {"blk.{L}.post_ffw_norm", "layers.{L}.post_feedforward_layernorm", How::minus_one}};
    gemma.insert(gemma.end(), bare.begin(), bare.end());
    const nlohmann::json identity = {{"bias", false}, {"activation_function", "torch.nn.modules.linear.Identity"}};
    out.push_back({"gemma-embedding", true, false,
                   alone("Gemma3TextModel", {{"hidden_size", 64}, {"num_hidden_layers", 7}, {"intermediate_size", 48}, {"num_attention_heads", 4},
                                             {"num_key_value_heads", 1}, {"head_dim", 24}, {"query_pre_attn_scalar", 24}, {"sliding_window", 8},
                                             {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"rope_theta", 1000000.0}, {"rope_local_base_freq", 5000.0},
                                             {"use_bidirectional_attention", true}, {"_sliding_window_pattern", 6}, {"hidden_activation", "gelu_pytorch_tanh"}}),
                   gemma,
                   {{"modules.json",
                     {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Dense", "Dense"), module(3, "3_Dense", "Dense"),
                      module(4, "4_Normalize", "Normalize")}},
                    {"1_Pooling/config.json", pooling_by("pooling_mode_mean_tokens")},
                    {"2_Dense/config.json", identity},
                    {"3_Dense/config.json", identity}}});
    return out;
}

inline std::vector<EncoderCase> encoder_cases() {
    std::vector<EncoderCase> out;
    for (auto* cases : {bert_cases, jina_cases, nomic_cases, modern_cases, decoder_like_cases})
        for (EncoderCase& c : cases()) out.push_back(std::move(c));
    return out;
}

}  // namespace hearth::test
