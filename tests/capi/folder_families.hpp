// Which goldens are models of which class of Hugging Face's transformers: their configs, and where names differ.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace hearth::test {

enum class How : int {
    plain,
    halves,     // rows of each head from adjacent pairs to halves
    minus_one,  // norms whose 1 the class adds
    experts,    // one matrix for each, "{E}" in the name
    transposed,
    swapped,             // the first half of the rows behind the second
    by_heads,            // queries, keys and values of each of four heads after each other
    stacked,             // matrices of all experts below each other
    stacked_transposed,  // the same, each on its side
    padded,              // two rows before the first
    gone,       // the config has it, or the class computes it
};
struct Rename {
    std::string from, to;  // "{L}": a layer's number
    How how = How::plain;
};
struct Case {
    std::string golden;
    std::string prefix;  // of modules but the output
    nlohmann::json config;
    std::vector<Rename> renames;  // before the usual ones
    // Where a class has one number for two of GGUF's: what attention.temperature_length of the golden becomes. The reference
    // then is the GGUF with that number, over more tokens.
    std::uint32_t temperature_length = 0;
    // The same where limits of shared experts become those of the others.
    bool one_limit = false;
};

inline const std::vector<Rename> kUsual = {
    {"token_embd", "embed_tokens"},
    {"output_norm", "norm"},
    {"output", "lm_head"},
    {"blk.{L}.attn_norm", "layers.{L}.input_layernorm"},
    {"blk.{L}.attn_q", "layers.{L}.self_attn.q_proj"},
    {"blk.{L}.attn_k", "layers.{L}.self_attn.k_proj"},
    {"blk.{L}.attn_v", "layers.{L}.self_attn.v_proj"},
    {"blk.{L}.attn_output", "layers.{L}.self_attn.o_proj"},
    {"blk.{L}.attn_q_norm", "layers.{L}.self_attn.q_norm"},
    {"blk.{L}.attn_k_norm", "layers.{L}.self_attn.k_norm"},
    {"blk.{L}.ffn_norm", "layers.{L}.post_attention_layernorm"},
    {"blk.{L}.ffn_gate", "layers.{L}.mlp.gate_proj"},
    {"blk.{L}.ffn_up", "layers.{L}.mlp.up_proj"},
    {"blk.{L}.ffn_down", "layers.{L}.mlp.down_proj"},
    {"blk.{L}.ffn_gate_inp", "layers.{L}.mlp.gate"},
    {"blk.{L}.ffn_gate_exps", "layers.{L}.mlp.experts.{E}.gate_proj", How::experts},
    {"blk.{L}.ffn_up_exps", "layers.{L}.mlp.experts.{E}.up_proj", How::experts},
    {"blk.{L}.ffn_down_exps", "layers.{L}.mlp.experts.{E}.down_proj", How::experts},
    {"rope_freqs", "", How::gone},
};

// The classes that see or hear, too, have the text model's config in theirs.
inline nlohmann::json within(const char* name, const nlohmann::json& text) {
    return {{"architectures", {name}}, {"text_config", text}, {"vision_config", {{"hidden_size", 8}}}};
}
inline nlohmann::json alone(const char* name, nlohmann::json text) {
    text["architectures"] = {name};
    return text;
}

inline std::vector<Case> mistral3_cases() {
    const nlohmann::json text = {
        {"model_type", "ministral3"}, {"hidden_size", 64}, {"num_hidden_layers", 3}, {"intermediate_size", 80},
        {"num_attention_heads", 4}, {"num_key_value_heads", 2}, {"head_dim", 32}, {"max_position_embeddings", 512},
        {"rms_norm_eps", 1e-5}, {"hidden_act", "silu"}, {"sliding_window", nullptr}, {"vocab_size", 272},
        {"rope_parameters", {{"type", "yarn"}, {"rope_theta", 15000.0}, {"factor", 8.0}, {"original_max_position_embeddings", 16},
                             {"beta_fast", 1.0}, {"beta_slow", 0.125}, {"mscale", 1.0}, {"mscale_all_dim", 0.7},
                             {"llama_4_scaling_beta", 0.3}}}};
    const std::vector<Rename> renames = {{"blk.{L}.attn_q", "layers.{L}.self_attn.q_proj", How::halves},
                                         {"blk.{L}.attn_k", "layers.{L}.self_attn.k_proj", How::halves}};
    return {{"mistral3", "language_model.model.", within("Mistral3ForConditionalGeneration", text), renames},
            {"mistral3", "model.", alone("Ministral3ForCausalLM", text), renames}};
}

inline std::vector<Case> glm4moe_cases() {
    const nlohmann::json text = {
        {"hidden_size", 64}, {"num_hidden_layers", 2}, {"intermediate_size", 80}, {"num_attention_heads", 4},
        {"num_key_value_heads", 2}, {"head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-5},
        {"rope_theta", 100000.0}, {"attention_bias", true}, {"n_routed_experts", 8}, {"n_shared_experts", 1},
        {"num_experts_per_tok", 2}, {"moe_intermediate_size", 16}, {"first_k_dense_replace", 1}, {"norm_topk_prob", true},
        {"routed_scaling_factor", 1.5}, {"n_group", 1}, {"topk_group", 1}, {"use_qk_norm", true}, {"num_nextn_predict_layers", 1}};
    return {{"glm4moe", "model.", alone("Glm4MoeForCausalLM", text),
             {{"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm"},
              {"blk.{L}.exp_probs_b.bias", "layers.{L}.mlp.gate.e_score_correction_bias"},
              {"blk.{L}.ffn_gate_shexp", "layers.{L}.mlp.shared_experts.gate_proj"},
              {"blk.{L}.ffn_up_shexp", "layers.{L}.mlp.shared_experts.up_proj"},
              {"blk.{L}.ffn_down_shexp", "layers.{L}.mlp.shared_experts.down_proj"},
              {"blk.{L}.nextn.eh_proj", "layers.{L}.eh_proj"},
              {"blk.{L}.nextn.enorm", "layers.{L}.enorm"},
              {"blk.{L}.nextn.hnorm", "layers.{L}.hnorm"},
              {"blk.{L}.nextn.embed_tokens", "layers.{L}.embed_tokens"},
              {"blk.{L}.nextn.shared_head_head", "layers.{L}.shared_head.head"},
              {"blk.{L}.nextn.shared_head_norm", "layers.{L}.shared_head.norm"}}}};
}

inline std::vector<Case> llama4_cases() {
    const nlohmann::json text = {
        {"hidden_size", 64}, {"num_hidden_layers", 4}, {"intermediate_size", 20}, {"intermediate_size_mlp", 64},
        {"num_attention_heads", 4}, {"num_key_value_heads", 2}, {"head_dim", 24}, {"max_position_embeddings", 16384},
        {"rms_norm_eps", 1e-5}, {"rope_theta", 500000.0}, {"num_local_experts", 8}, {"num_experts_per_tok", 1},
        {"interleave_moe_layer_step", 2}, {"moe_layers", {1, 3}}, {"no_rope_layers", {1, 1, 1, 0}}, {"use_qk_norm", true},
        {"attention_chunk_size", 8192}, {"attn_temperature_tuning", 4}, {"attn_scale", 0.1}, {"floor_scale", 8192},
        {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0},
                          {"original_max_position_embeddings", 64}}}};
    const std::vector<Rename> renames = {
        {"blk.{L}.ffn_gate", "layers.{L}.feed_forward.gate_proj"},
        {"blk.{L}.ffn_up", "layers.{L}.feed_forward.up_proj"},
        {"blk.{L}.ffn_down", "layers.{L}.feed_forward.down_proj"},
        {"blk.{L}.ffn_gate_inp", "layers.{L}.feed_forward.router"},
        {"blk.{L}.ffn_gate_shexp", "layers.{L}.feed_forward.shared_expert.gate_proj"},
        {"blk.{L}.ffn_up_shexp", "layers.{L}.feed_forward.shared_expert.up_proj"},
        {"blk.{L}.ffn_down_shexp", "layers.{L}.feed_forward.shared_expert.down_proj"},
        {"blk.{L}.ffn_gate_up_exps.weight", "layers.{L}.feed_forward.experts.gate_up_proj", How::transposed},
        {"blk.{L}.ffn_down_exps.weight", "layers.{L}.feed_forward.experts.down_proj", How::transposed}};
    return {{"llama4", "language_model.model.", within("Llama4ForConditionalGeneration", text), renames},
            {"llama4", "model.", alone("Llama4ForCausalLM", text), renames}};
}

inline std::vector<Case> gemma3_cases() {
    // Without the keys that the class has by itself.
    const nlohmann::json text = {
        {"hidden_size", 64}, {"num_hidden_layers", 7}, {"intermediate_size", 48}, {"num_attention_heads", 4},
        {"num_key_value_heads", 2}, {"head_dim", 24}, {"query_pre_attn_scalar", 24}, {"sliding_window", 8},
        {"rope_local_base_freq", 5000.0}, {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}};
    return {{"gemma3", "language_model.model.", within("Gemma3ForConditionalGeneration", text),
             {{"output_norm", "norm", How::minus_one},
              {"blk.{L}.attn_norm", "layers.{L}.input_layernorm", How::minus_one},
              {"blk.{L}.attn_q_norm", "layers.{L}.self_attn.q_norm", How::minus_one},
              {"blk.{L}.attn_k_norm", "layers.{L}.self_attn.k_norm", How::minus_one},
              {"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm", How::minus_one},
              {"blk.{L}.ffn_norm", "layers.{L}.pre_feedforward_layernorm", How::minus_one},
              {"blk.{L}.post_ffw_norm", "layers.{L}.post_feedforward_layernorm", How::minus_one}}}};
}

// What Gemma 3n and 4 share.
inline std::vector<Rename> later_gemma_renames(std::vector<Rename> own) {
    own.insert(own.end(), {{"per_layer_token_embd", "embed_tokens_per_layer"},
                           {"per_layer_model_proj", "per_layer_model_projection"},
                           {"per_layer_proj_norm", "per_layer_projection_norm"},
                           {"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm"},
                           {"blk.{L}.ffn_norm", "layers.{L}.pre_feedforward_layernorm"},
                           {"blk.{L}.post_ffw_norm", "layers.{L}.post_feedforward_layernorm"},
                           {"blk.{L}.inp_gate", "layers.{L}.per_layer_input_gate"},
                           {"blk.{L}.proj", "layers.{L}.per_layer_projection"},
                           {"blk.{L}.post_norm", "layers.{L}.post_per_layer_input_norm"}});
    return own;
}

inline std::vector<Case> gemma3n_cases() {
    const auto config = [](std::size_t layers, std::size_t width, std::size_t feed_forward, std::size_t shared) {
        nlohmann::json types, sparse;
        for (std::size_t i = 0; i < layers; ++i) {
            types.push_back(i % 5 == 4 ? "full_attention" : "sliding_attention");
            sparse.push_back(i < 10 ? 0.95 : 0.0);
        }
        return nlohmann::json{
            {"hidden_size", width}, {"num_hidden_layers", layers}, {"intermediate_size", std::vector<std::size_t>(layers, feed_forward)},
            {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"head_dim", 16}, {"max_position_embeddings", 512},
            {"rms_norm_eps", 1e-6}, {"rope_theta", 1000000.0}, {"rope_local_base_freq", 8000.0}, {"sliding_window", 8},
            {"layer_types", types}, {"num_kv_shared_layers", shared}, {"altup_active_idx", 0}, {"altup_num_inputs", 4},
            {"altup_correct_scale", true}, {"laurel_rank", 64}, {"hidden_size_per_layer_input", 256}, {"vocab_size", 262},
            {"vocab_size_per_layer_input", 262}, {"activation_sparsity_pattern", sparse}, {"final_logit_softcapping", 30.0}};
    };
    const auto renames = later_gemma_renames({{"altup_proj", "altup_projections.{E}", How::experts},
                                              {"altup_unembd_proj", "altup_unembed_projections.{E}", How::experts},
                                              {"blk.{L}.altup_correct_scale.weight", "layers.{L}.altup.correct_output_scale"},
                                              {"blk.{L}.altup_correct_coef", "layers.{L}.altup.correction_coefs"},
                                              {"blk.{L}.altup_predict_coef", "layers.{L}.altup.prediction_coefs"},
                                              {"blk.{L}.altup_router", "layers.{L}.altup.modality_router"},
                                              {"blk.{L}.altup_router_norm", "layers.{L}.altup.router_norm"},
                                              {"blk.{L}.laurel_l", "layers.{L}.laurel.linear_left"},
                                              {"blk.{L}.laurel_r", "layers.{L}.laurel.linear_right"},
                                              {"blk.{L}.laurel_post_norm", "layers.{L}.laurel.post_laurel_norm"}});
    return {{"gemma3n", "model.language_model.", within("Gemma3nForConditionalGeneration", config(5, 32, 128, 0)), renames},
            {"gemma3n-kvshare", "model.", alone("Gemma3nForCausalLM", config(22, 16, 80, 2)), renames}};
}

inline std::vector<Case> gemma4_cases() {
    const nlohmann::json text = {
        {"hidden_size", 64}, {"num_hidden_layers", 5}, {"intermediate_size", 48}, {"num_attention_heads", 4},
        {"num_key_value_heads", 2}, {"num_global_key_value_heads", 1}, {"attention_k_eq_v", true}, {"head_dim", 16},
        {"global_head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"sliding_window", 8},
        {"layer_types", {"sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"}},
        {"final_logit_softcapping", 6.0}, {"vocab_size", 272}, {"hidden_activation", "gelu_pytorch_tanh"},
        {"rope_parameters", {{"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 8000.0}}},
                             {"full_attention", {{"rope_type", "proportional"}, {"rope_theta", 1000000.0}, {"partial_rotary_factor", 0.25}}}}}};
    nlohmann::json dense = text, experts = text;
    dense.update({{"hidden_size_per_layer_input", 16}, {"num_kv_shared_layers", 2}, {"use_double_wide_mlp", true}, {"enable_moe_block", false},
                  {"num_experts", nullptr}});
    experts.update({{"hidden_size_per_layer_input", 0}, {"num_kv_shared_layers", 0}, {"enable_moe_block", true}, {"num_experts", 8},
                    {"top_k_experts", 2}, {"moe_intermediate_size", 16}});
    const auto renames = later_gemma_renames({{"blk.{L}.layer_output_scale.weight", "layers.{L}.layer_scalar"},
                                              {"blk.{L}.ffn_gate_inp", "layers.{L}.router.proj"},
                                              {"blk.{L}.ffn_gate_inp.scale", "layers.{L}.router.scale"},
                                              {"blk.{L}.ffn_down_exps.scale", "layers.{L}.router.per_expert_scale"},
                                              {"blk.{L}.ffn_gate_up_exps.weight", "layers.{L}.experts.gate_up_proj"},
                                              {"blk.{L}.ffn_down_exps.weight", "layers.{L}.experts.down_proj"},
                                              {"blk.{L}.post_ffw_norm_1", "layers.{L}.post_feedforward_layernorm_1"},
                                              {"blk.{L}.post_ffw_norm_2", "layers.{L}.post_feedforward_layernorm_2"},
                                              {"blk.{L}.pre_ffw_norm_2", "layers.{L}.pre_feedforward_layernorm_2"}});
    return {{"gemma4", "model.language_model.", within("Gemma4ForConditionalGeneration", dense), renames},
            {"gemma4-moe", "model.", alone("Gemma4ForCausalLM", experts), renames}};
}

inline std::vector<Case> gated_delta_cases() {
    const auto config = [](std::size_t layers, std::size_t interval, double base) {
        nlohmann::json types;
        for (std::size_t i = 0; i < layers; ++i) types.push_back((i + 1) % interval == 0 ? "full_attention" : "linear_attention");
        return nlohmann::json{
            {"hidden_size", 64}, {"num_hidden_layers", layers}, {"intermediate_size", 80}, {"num_attention_heads", 4},
            {"num_key_value_heads", 2}, {"head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6},
            {"rope_theta", base}, {"linear_conv_kernel_dim", 4}, {"linear_key_head_dim", 16}, {"linear_value_head_dim", 16},
            {"linear_num_key_heads", 2}, {"linear_num_value_heads", 4}, {"layer_types", types}};
    };
    const nlohmann::json experts = {{"num_experts", 8}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 16},
                                    {"shared_expert_intermediate_size", 24}, {"norm_topk_prob", true}};
    nlohmann::json next = config(4, 4, 5e6), dense = config(4, 2, 1e7), mixture = config(2, 2, 1e7);
    next.update(experts);
    next.update({{"partial_rotary_factor", 0.25}, {"decoder_sparse_step", 1}, {"full_attention_interval", 4}});
    next.erase("layer_types");
    mixture.update(experts);
    mixture.erase("intermediate_size");
    for (nlohmann::json* j : {&dense, &mixture})
        j->update({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e7}, {"partial_rotary_factor", 0.25},
                                        {"mrope_interleaved", true}, {"mrope_section", {2, 1, 1}}}}});
    const auto renames = [](std::vector<Rename> own) {
        own.insert(own.end(), {{"output_norm", "norm", How::minus_one},
                               {"blk.{L}.attn_norm", "layers.{L}.input_layernorm", How::minus_one},
                               {"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm", How::minus_one},
                               {"blk.{L}.attn_q_norm", "layers.{L}.self_attn.q_norm", How::minus_one},
                               {"blk.{L}.attn_k_norm", "layers.{L}.self_attn.k_norm", How::minus_one},
                               {"blk.{L}.qkvz", "layers.{L}.linear_attn.in_proj_qkvz"},
                               {"blk.{L}.ssm_ba", "layers.{L}.linear_attn.in_proj_ba"},
                               {"blk.{L}.attn_qkv", "layers.{L}.linear_attn.in_proj_qkv"},
                               {"blk.{L}.attn_gate", "layers.{L}.linear_attn.in_proj_z"},
                               {"blk.{L}.ssm_beta", "layers.{L}.linear_attn.in_proj_b"},
                               {"blk.{L}.ssm_alpha", "layers.{L}.linear_attn.in_proj_a"},
                               {"blk.{L}.ssm_conv1d", "layers.{L}.linear_attn.conv1d"},
                               {"blk.{L}.ssm_dt.bias", "layers.{L}.linear_attn.dt_bias"},
                               {"blk.{L}.ssm_a", "layers.{L}.linear_attn.A_log"},
                               {"blk.{L}.ssm_norm", "layers.{L}.linear_attn.norm"},
                               {"blk.{L}.ssm_out", "layers.{L}.linear_attn.out_proj"},
                               {"blk.{L}.ffn_gate_inp_shexp", "layers.{L}.mlp.shared_expert_gate"},
                               {"blk.{L}.ffn_gate_shexp", "layers.{L}.mlp.shared_expert.gate_proj"},
                               {"blk.{L}.ffn_up_shexp", "layers.{L}.mlp.shared_expert.up_proj"},
                               {"blk.{L}.ffn_down_shexp", "layers.{L}.mlp.shared_expert.down_proj"},
                               {"blk.{L}.nextn.eh_proj", "layers.{L}.fc"},
                               {"blk.{L}.nextn.enorm", "layers.{L}.pre_fc_norm_embedding", How::minus_one},
                               {"blk.{L}.nextn.hnorm", "layers.{L}.pre_fc_norm_hidden", How::minus_one},
                               {"blk.{L}.nextn.shared_head_norm", "layers.{L}.norm", How::minus_one}});
        return own;
    };
    const auto joint = renames({{"blk.{L}.ffn_gate_up_exps.weight", "layers.{L}.mlp.experts.gate_up_proj"},
                                {"blk.{L}.ffn_down_exps.weight", "layers.{L}.mlp.experts.down_proj"}});
    return {{"qwen3next", "model.", alone("Qwen3NextForCausalLM", next), renames({})},
            {"qwen35", "model.language_model.", within("Qwen3_5ForConditionalGeneration", dense), renames({})},
            {"qwen35", "model.", alone("Qwen3_5ForCausalLM", dense), renames({})},
            {"qwen35moe", "model.language_model.", within("Qwen3_5MoeForConditionalGeneration", mixture), joint},
            {"qwen35moe", "model.", alone("Qwen3_5MoeForCausalLM", mixture), joint}};
}

inline std::vector<Case> lfm2_cases() {
    nlohmann::json dense = {{"hidden_size", 64}, {"num_hidden_layers", 5}, {"block_ff_dim", 90}, {"num_attention_heads", 4},
                            {"num_key_value_heads", 2}, {"max_position_embeddings", 512}, {"norm_eps", 1e-5}, {"conv_L_cache", 3},
                            {"conv_bias", false}, {"rope_theta", 1000000.0}};
    nlohmann::json experts = dense;
    // 64 = 60, two thirds of 90, in whole units of 16.
    dense.update({{"block_auto_adjust_ff_dim", true}, {"block_ffn_dim_multiplier", 1.0}, {"block_multiple_of", 16}, {"full_attn_idxs", {2, 4}}});
    experts.erase("block_ff_dim");
    experts.update({{"intermediate_size", 64}, {"layer_types", {"conv", "conv", "full_attention", "conv", "full_attention"}}, {"num_experts", 8},
                    {"num_experts_per_tok", 2}, {"moe_intermediate_size", 16}, {"num_dense_layers", 2}, {"norm_topk_prob", true},
                    {"use_expert_bias", true}, {"routed_scaling_factor", 1.0}});
    const std::vector<Rename> renames = {
        {"token_embd_norm", "embedding_norm"},
        {"blk.{L}.attn_norm", "layers.{L}.operator_norm"},
        {"blk.{L}.attn_output", "layers.{L}.self_attn.out_proj"},
        {"blk.{L}.attn_q_norm", "layers.{L}.self_attn.q_layernorm"},
        {"blk.{L}.attn_k_norm", "layers.{L}.self_attn.k_layernorm"},
        {"blk.{L}.ffn_norm", "layers.{L}.ffn_norm"},
        {"blk.{L}.shortconv.in_proj", "layers.{L}.conv.in_proj"},
        {"blk.{L}.shortconv.conv", "layers.{L}.conv.conv"},
        {"blk.{L}.shortconv.out_proj", "layers.{L}.conv.out_proj"},
        {"blk.{L}.ffn_gate", "layers.{L}.feed_forward.w1"},
        {"blk.{L}.ffn_up", "layers.{L}.feed_forward.w3"},
        {"blk.{L}.ffn_down", "layers.{L}.feed_forward.w2"},
        {"blk.{L}.ffn_gate_inp", "layers.{L}.feed_forward.gate"},
        {"blk.{L}.exp_probs_b.bias", "layers.{L}.feed_forward.expert_bias"},
        {"blk.{L}.ffn_gate_exps", "layers.{L}.feed_forward.experts.{E}.w1", How::experts},
        {"blk.{L}.ffn_up_exps", "layers.{L}.feed_forward.experts.{E}.w3", How::experts},
        {"blk.{L}.ffn_down_exps", "layers.{L}.feed_forward.experts.{E}.w2", How::experts}};
    return {{"lfm2", "model.", alone("Lfm2ForCausalLM", dense), renames}, {"lfm2moe", "model.", alone("Lfm2MoeForCausalLM", experts), renames}};
}

// Experts' gates and inputs take turns in one parameter, which lies on its side.
inline std::vector<Case> gpt_oss_cases() {
    const nlohmann::json config = {
        {"hidden_size", 64}, {"num_hidden_layers", 2}, {"intermediate_size", 32}, {"num_attention_heads", 4}, {"num_key_value_heads", 2},
        {"head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-5}, {"rope_theta", 20000.0}, {"sliding_window", 8},
        {"num_local_experts", 8}, {"num_experts_per_tok", 2}, {"layer_types", {"sliding_attention", "full_attention"}},
        {"swiglu_limit", 7.0}, {"attention_bias", true}, {"hidden_act", "silu"}, {"vocab_size", 272},
        {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 8.0}, {"original_max_position_embeddings", 256}, {"beta_fast", 32.0}, {"beta_slow", 1.0}}}};
    return {{"gpt-oss", "model.", alone("GptOssForCausalLM", config),
             {{"blk.{L}.attn_sinks.weight", "layers.{L}.self_attn.sinks"},
              {"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm"},
              {"blk.{L}.ffn_gate_inp", "layers.{L}.mlp.router"},
              {"blk.{L}.ffn_gate_up_exps.weight", "layers.{L}.mlp.experts.gate_up_proj", How::transposed},
              {"blk.{L}.ffn_gate_up_exps.bias", "layers.{L}.mlp.experts.gate_up_proj_bias"},
              {"blk.{L}.ffn_down_exps.weight", "layers.{L}.mlp.experts.down_proj", How::transposed},
              {"blk.{L}.ffn_down_exps.bias", "layers.{L}.mlp.experts.down_proj_bias"}}}};
}

inline std::vector<Case> seed_oss_cases() {
    return {{"seed_oss", "model.", alone("SeedOssForCausalLM", {{"hidden_size", 16}, {"num_hidden_layers", 2}, {"intermediate_size", 32}, {"num_attention_heads", 2},
                                                                {"num_key_value_heads", 1}, {"head_dim", 12}, {"max_position_embeddings", 512},
                                                                {"rms_norm_eps", 1e-6}, {"rope_theta", 500000.0}, {"attention_bias", true}}),
             {{"blk.{L}.post_attention_norm", "layers.{L}.post_attention_layernorm"}}}};
}

// Without a level above the layers, as embedding models have it.
inline std::vector<Case> bare_cases() {
    return {{"qwen3", "", alone("Qwen3ForCausalLM", {{"hidden_size", 64}, {"num_hidden_layers", 3}, {"intermediate_size", 80}, {"num_attention_heads", 4},
                                                     {"num_key_value_heads", 2}, {"head_dim", 32}, {"max_position_embeddings", 512},
                                                     {"rms_norm_eps", 1e-6}, {"rope_theta", 1000000.0}}), {}}};
}

inline std::vector<Case> family_cases() {
    std::vector<Case> out;
    for (auto* cases : {mistral3_cases, glm4moe_cases, llama4_cases, gemma3_cases, gemma3n_cases, gemma4_cases, gated_delta_cases, lfm2_cases, gpt_oss_cases, seed_oss_cases, bare_cases})
        for (Case& c : cases()) out.push_back(std::move(c));
    return out;
}

}  // namespace hearth::test
