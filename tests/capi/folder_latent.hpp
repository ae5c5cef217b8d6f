// Decoders with latent attention as folders.
#pragma once

#include <cmath>

#include "capi/folder_families.hpp"

namespace hearth::test {

inline std::vector<Rename> latent_renames(std::vector<Rename> own = {}) {
    own.insert(own.end(), {{"blk.{L}.attn_q_a", "layers.{L}.self_attn.q_a_proj"},
                           {"blk.{L}.attn_q_a_norm", "layers.{L}.self_attn.q_a_layernorm"},
                           {"blk.{L}.attn_q_b", "layers.{L}.self_attn.q_b_proj"},
                           {"blk.{L}.attn_kv_a_mqa", "layers.{L}.self_attn.kv_a_proj_with_mqa"},
                           {"blk.{L}.attn_kv_a_norm", "layers.{L}.self_attn.kv_a_layernorm"},
                           {"blk.{L}.attn_kv_b", "layers.{L}.self_attn.kv_b_proj"},
                           {"blk.{L}.exp_probs_b.bias", "layers.{L}.mlp.gate.e_score_correction_bias"},
                           {"blk.{L}.ffn_gate_shexp", "layers.{L}.mlp.shared_experts.gate_proj"},
                           {"blk.{L}.ffn_up_shexp", "layers.{L}.mlp.shared_experts.up_proj"},
                           {"blk.{L}.ffn_down_shexp", "layers.{L}.mlp.shared_experts.down_proj"},
                           {"blk.{L}.nextn.eh_proj", "layers.{L}.eh_proj"},
                           {"blk.{L}.nextn.enorm", "layers.{L}.enorm"},
                           {"blk.{L}.nextn.hnorm", "layers.{L}.hnorm"},
                           {"blk.{L}.nextn.shared_head_norm", "layers.{L}.shared_head.norm"}});
    return own;
}

inline std::vector<Case> latent_cases() {
    using Json = nlohmann::json;
    // The goldens of two makers.
    const Json larger = {{"hidden_size", 64}, {"num_hidden_layers", 3}, {"intermediate_size", 64}, {"num_attention_heads", 4}, {"num_key_value_heads", 4},
                         {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"rope_theta", 20000.0}, {"q_lora_rank", 24}, {"kv_lora_rank", 32},
                         {"qk_nope_head_dim", 16}, {"qk_rope_head_dim", 16}, {"v_head_dim", 16}, {"n_routed_experts", 8}, {"num_experts_per_tok", 2},
                         {"moe_intermediate_size", 16}, {"n_shared_experts", 2}, {"first_k_dense_replace", 1}, {"moe_layer_freq", 1}, {"hidden_act", "silu"},
                         {"rope_scaling", {{"type", "yarn"}, {"factor", 8.0}, {"original_max_position_embeddings", 256}, {"beta_fast", 32}, {"beta_slow", 1},
                                           {"mscale", 0.707}, {"mscale_all_dim", 0.707}}}};
    const auto with = [](Json base, const Json& more) {
        base.update(more);
        return base;
    };
    const Json v3 = with(larger, {{"routed_scaling_factor", 2.5}, {"n_group", 4}, {"topk_group", 2}, {"norm_topk_prob", true}, {"scoring_func", "sigmoid"},
                                  {"topk_method", "noaux_tc"}, {"num_nextn_predict_layers", 1}, {"ep_size", 1}});
    // What the indexed one rotates by is not what its scores are multiplied by.
    const double log = std::log(8.0), turned = (1 + 0.1 * log) / (1 + 0.0707 * log);
    Json v32 = with(v3, {{"qk_rope_head_dim", 32}, {"index_n_heads", 8}, {"index_head_dim", 64}, {"index_topk", 8}, {"head_dim", 32}});
    v32["rope_scaling"].update({{"mscale_all_dim", 1.0}, {"attention_factor", turned}});
    const Json lite = {{"hidden_size", 32}, {"num_hidden_layers", 26}, {"intermediate_size", 48}, {"num_attention_heads", 2}, {"num_key_value_heads", 2},
                       {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"rope_theta", 20000.0}, {"q_lora_rank", nullptr}, {"kv_lora_rank", 16},
                       {"qk_nope_head_dim", 8}, {"qk_rope_head_dim", 8}, {"v_head_dim", 8}, {"n_routed_experts", 4}, {"num_experts_per_tok", 2},
                       {"moe_intermediate_size", 8}, {"n_shared_experts", 1}, {"first_k_dense_replace", 1}, {"routed_scaling_factor", 1.0},
                       {"norm_topk_prob", false}, {"topk_method", "greedy"}, {"n_group", 2}, {"topk_group", 1}, {"rope_scaling", larger["rope_scaling"]}};
    const Json smaller = {{"hidden_size", 32}, {"num_hidden_layers", 3}, {"intermediate_size", 48}, {"num_attention_heads", 4}, {"num_key_value_heads", 4},
                          {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"q_lora_rank", 20}, {"kv_lora_rank", 24}, {"qk_nope_head_dim", 12},
                          {"qk_rope_head_dim", 8}, {"v_head_dim", 10}, {"n_routed_experts", 12}, {"num_experts_per_tok", 3}, {"moe_intermediate_size", 16},
                          {"n_shared_experts", 1}, {"routed_scaling_factor", 1.5}, {"norm_topk_prob", false}};
    const Json yarn = {{"rope_type", "yarn"}, {"rope_theta", 20000.0}, {"factor", 8.0}, {"original_max_position_embeddings", 64}, {"beta_fast", 32.0}, {"beta_slow", 1.0}};
    const Json groups = with(smaller, {{"first_k_dense_replace", 1}, {"n_group", 4}, {"topk_group", 2}, {"topk_method", "group_limited_greedy"}, {"scoring_func", "softmax"},
                                       {"rope_parameters", with(yarn, {{"mscale", 0.707}, {"mscale_all_dim", 0.707}})}});
    const Json mistral = with(smaller, {{"model_type", "mistral4"}, {"mlp_layer_types", {"dense", "sparse", "sparse"}}, {"n_group", 1}, {"topk_group", 1}, {"rope_interleave", true},
                                        {"rope_parameters", with(yarn, {{"mscale_all_dim", 1.0}, {"attention_factor", turned}, {"llama_4_scaling_beta", 0.3}})}});
    const std::vector<Rename> indexed = latent_renames({{"blk.{L}.indexer.attn_q_b", "layers.{L}.self_attn.indexer.wq_b"},
                                                        {"blk.{L}.indexer.attn_k", "layers.{L}.self_attn.indexer.wk"},
                                                        {"blk.{L}.indexer.k_norm", "layers.{L}.self_attn.indexer.k_norm"},
                                                        {"blk.{L}.indexer.proj", "layers.{L}.self_attn.indexer.weights_proj"}});
    const std::vector<Rename> stacked = latent_renames({{"blk.{L}.ffn_gate_up_exps.weight", "layers.{L}.mlp.experts.gate_up_proj"},
                                                        {"blk.{L}.ffn_down_exps.weight", "layers.{L}.mlp.experts.down_proj"}});
    return {{"deepseek2", "model.", alone("DeepseekV3ForCausalLM", v3), latent_renames()},
            {"deepseek2", "model.", alone("Glm4MoeLiteForCausalLM", v3), latent_renames()},
            {"deepseek2", "language_model.model.", within("KimiK25ForConditionalGeneration", v3), latent_renames()},
            {"deepseek2-lite", "model.", alone("DeepseekV2ForCausalLM", lite), latent_renames()},
            {"deepseek2-legacy", "model.", alone("DeepseekV2ForCausalLM", with(larger, {{"routed_scaling_factor", 1.7}})), latent_renames()},
            {"deepseek2-groups", "model.", alone("DeepseekV2ForCausalLM", groups), latent_renames()},
            {"deepseek32", "model.", alone("DeepseekV32ForCausalLM", v32), indexed},
            {"mistral4", "model.", alone("Mistral4ForCausalLM", mistral), stacked, 64},
            {"mistral4", "language_model.model.", within("Mistral3ForConditionalGeneration", mistral), latent_renames(), 64}};
}

// With those of folder_families.hpp.
inline std::vector<Case> decoder_cases() {
    std::vector<Case> out = family_cases();
    for (Case& c : latent_cases()) out.push_back(std::move(c));
    return out;
}

}  // namespace hearth::test
