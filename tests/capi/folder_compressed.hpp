// DeepSeek V4 as folders: as it is published, and as transformers' save_pretrained writes it.
#pragma once

#include "capi/folder_families.hpp"

namespace hearth::test {

inline std::vector<Case> compressed_cases() {
    using Json = nlohmann::json;
    const Json common = {{"hidden_size", 32}, {"num_hidden_layers", 4}, {"moe_intermediate_size", 16}, {"num_attention_heads", 4}, {"num_key_value_heads", 1},
                         {"head_dim", 32}, {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-6}, {"rope_theta", 20000.0}, {"q_lora_rank", 24},
                         {"sliding_window", 8}, {"n_routed_experts", 8}, {"num_experts_per_tok", 2}, {"n_shared_experts", 1}, {"routed_scaling_factor", 1.5},
                         {"norm_topk_prob", true}, {"scoring_func", "sqrtsoftplus"}, {"swiglu_limit", 2.5}, {"index_n_heads", 8}, {"index_head_dim", 64},
                         {"index_topk", 4}, {"o_groups", 2}, {"o_lora_rank", 16}, {"hc_mult", 4}, {"hc_sinkhorn_iters", 4}, {"hc_eps", 1e-6},
                         {"compress_rope_theta", 40000.0}, {"num_nextn_predict_layers", 1}, {"hidden_act", "silu"}, {"tie_word_embeddings", false}, {"vocab_size", 272}};
    const Json yarn = {{"type", "yarn"}, {"factor", 8}, {"original_max_position_embeddings", 256}, {"beta_fast", 32}, {"beta_slow", 1}};
    Json published = common, saved = common;
    // The predictor of further tokens has a ratio, too.
    published.update(Json{{"compress_ratios", {0, 4, 128, 4, 0}}, {"num_hash_layers", 1}, {"qk_rope_head_dim", 16}, {"topk_method", "noaux_tc"}, {"rope_scaling", yarn}});
    const Json main = {{"rope_type", "default"}, {"rope_theta", 20000.0}, {"partial_rotary_factor", 0.5}};
    Json compress = yarn;
    compress.update(Json{{"rope_type", "yarn"}, {"rope_theta", 40000.0}, {"partial_rotary_factor", 0.5}, {"attention_factor", 1.0}});
    saved.update(Json{{"layer_types", {"sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention", "compressed_sparse_attention"}},
                      {"mlp_layer_types", {"hash_moe", "moe", "moe", "moe"}}, {"partial_rotary_factor", 0.5}, {"rope_parameters", {{"main", main}, {"compress", compress}}},
                      {"compress_rates", {{"compressed_sparse_attention", 4}, {"heavily_compressed_attention", 128}}}});
    const auto renames = [](std::vector<Rename> own) {
        own.insert(own.end(), {
            {"output", "head"},
            {"blk.{L}.attn_norm", "layers.{L}.attn_norm"},
            {"blk.{L}.ffn_norm", "layers.{L}.ffn_norm"},
            {"blk.{L}.attn_sinks.weight", "layers.{L}.attn.attn_sink"},
            {"blk.{L}.attn_q_a", "layers.{L}.attn.wq_a"},
            {"blk.{L}.attn_q_a_norm", "layers.{L}.attn.q_norm"},
            {"blk.{L}.attn_q_b", "layers.{L}.attn.wq_b"},
            {"blk.{L}.attn_kv", "layers.{L}.attn.wkv"},
            {"blk.{L}.attn_output_a", "layers.{L}.attn.wo_a"},
            {"blk.{L}.attn_output_b", "layers.{L}.attn.wo_b"},
            {"blk.{L}.attn_compressor_kv", "layers.{L}.attn.compressor.wkv"},
            {"blk.{L}.attn_compressor_gate", "layers.{L}.attn.compressor.wgate"},
            {"blk.{L}.attn_compressor_ape.weight", "layers.{L}.attn.compressor.ape"},
            {"blk.{L}.attn_compressor_norm", "layers.{L}.attn.compressor.norm"},
            {"blk.{L}.indexer.attn_q_b", "layers.{L}.attn.indexer.wq_b"},
            {"blk.{L}.indexer.proj", "layers.{L}.attn.indexer.weights_proj"},
            {"blk.{L}.indexer_compressor_kv", "layers.{L}.attn.indexer.compressor.wkv"},
            {"blk.{L}.indexer_compressor_gate", "layers.{L}.attn.indexer.compressor.wgate"},
            {"blk.{L}.indexer_compressor_ape.weight", "layers.{L}.attn.indexer.compressor.ape"},
            {"blk.{L}.indexer_compressor_norm", "layers.{L}.attn.indexer.compressor.norm"},
            {"blk.{L}.hc_attn_fn.weight", "layers.{L}.hc_attn_fn"},
            {"blk.{L}.hc_attn_base.weight", "layers.{L}.hc_attn_base"},
            {"blk.{L}.hc_attn_scale.weight", "layers.{L}.hc_attn_scale"},
            {"blk.{L}.hc_ffn_fn.weight", "layers.{L}.hc_ffn_fn"},
            {"blk.{L}.hc_ffn_base.weight", "layers.{L}.hc_ffn_base"},
            {"blk.{L}.hc_ffn_scale.weight", "layers.{L}.hc_ffn_scale"},
            {"blk.{L}.ffn_gate_inp", "layers.{L}.ffn.gate"},
            {"blk.{L}.exp_probs_b.bias", "layers.{L}.ffn.gate.bias"},
            {"blk.{L}.ffn_gate_tid2eid.weight", "layers.{L}.ffn.gate.tid2eid"},
            {"blk.{L}.ffn_gate_exps", "layers.{L}.ffn.experts.{E}.w1", How::experts},
            {"blk.{L}.ffn_up_exps", "layers.{L}.ffn.experts.{E}.w3", How::experts},
            {"blk.{L}.ffn_down_exps", "layers.{L}.ffn.experts.{E}.w2", How::experts},
            {"blk.{L}.ffn_gate_shexp", "layers.{L}.ffn.shared_experts.w1"},
            {"blk.{L}.ffn_up_shexp", "layers.{L}.ffn.shared_experts.w3"},
            {"blk.{L}.ffn_down_shexp", "layers.{L}.ffn.shared_experts.w2"}});
        return own;
    };
    const std::vector<Rename> hub = renames({{"token_embd", "embed"},
                                             {"output_hc_fn.weight", "hc_head_fn"},
                                             {"output_hc_base.weight", "hc_head_base"},
                                             {"output_hc_scale.weight", "hc_head_scale"},
                                             {"blk.{L}.attn_kv_a_norm", "layers.{L}.attn.kv_norm"}}),
                              library = renames({{"output_hc_fn.weight", "hc_head.hc_fn"},
                                                 {"output_hc_base.weight", "hc_head.hc_base"},
                                                 {"output_hc_scale.weight", "hc_head.hc_scale"},
                                                 {"blk.{L}.attn_kv_a_norm", "layers.{L}.attn.norm"}});
    return {{"deepseek4", "", alone("DeepseekV4ForCausalLM", published), hub, 0, true},
            {"deepseek4", "model.", alone("DeepseekV4ForCausalLM", saved), library, 0, true}};
}

}  // namespace hearth::test
