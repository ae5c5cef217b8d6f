// Files of small encoders with random weights, for every family of them.
#pragma once

#include "models/random_model.hpp"

namespace hearth::test {

inline constexpr const char* kEncoders[] = {"bert",        "eurobert", "jina-bert-v2", "jina-bert-v3",
                                            "modern-bert", "neo-bert", "nomic-bert",   "nomic-bert-moe"};
inline constexpr std::uint64_t kWidth = 64, kHeads = 4, kFeedForward = 96, kLayers = 3, kVocab = 290, kContext = 600;

inline bool one_of(std::string_view arch, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), arch) != names.end();
}
inline bool pre_norm(std::string_view arch) {
    return one_of(arch, {"eurobert", "llama-embed", "modern-bert", "neo-bert"});
}
inline bool rms(std::string_view arch) { return one_of(arch, {"eurobert", "llama-embed", "neo-bert"}); }
inline bool turns_neighbours(std::string_view arch) { return one_of(arch, {"llama-embed", "neo-bert"}); }
inline bool fused_gate(std::string_view arch) { return one_of(arch, {"modern-bert", "neo-bert"}); }
inline bool gated(std::string_view arch) {
    return one_of(arch, {"eurobert", "jina-bert-v2", "llama-embed", "nomic-bert"});
}

// A file of the family. Its tensors are F32, or of `type` where that fits.
inline ModelFile encoder_file(const std::string& arch, const std::string& type = "F32", bool head = false) {
    ModelShape s;
    s.arch = arch;
    s.layers = kLayers;
    s.embd = kWidth;
    s.heads = s.kv_heads = kHeads;
    s.ffn = kFeedForward;
    s.context = kContext;
    ModelFile f(s);
    f.tensors.clear();
    std::erase_if(f.keys, [&](const auto& k) { return k.first.ends_with("rms_epsilon") && !rms(arch); });
    if (!rms(arch)) f.set("attention.layer_norm_epsilon", 1e-12);
    f.set("attention.causal", false);
    f.set("pooling_type", std::uint64_t{1});
    Draws draws(arch.size());
    const auto add = [&](const std::string& name, std::vector<std::uint64_t> shape, float scale, float mean = 0) {
        std::uint64_t n = 1;
        for (const std::uint64_t d : shape) n *= d;
        const Codec* codec =
            find_codec(shape.size() > 1 && shape[0] % find_codec(type)->block_values == 0 ? type : "F32");
        std::vector<std::byte> bytes;
        if (codec->block_values == 1) {
            const std::vector<float> values = draws.many(n, scale, mean);
            bytes.resize(n * sizeof(float));
            std::memcpy(bytes.data(), values.data(), bytes.size());
        } else {
            bytes = random_blocks(draws, *codec, n, scale);
        }
        f.tensors.push_back({name, codec->id, std::move(shape), std::move(bytes)});
    };
    const bool bias = !one_of(arch, {"eurobert", "llama-embed", "modern-bert", "neo-bert", "nomic-bert"});
    const auto matrix = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
        add(name + ".weight", {in, out}, 2 / std::sqrt(static_cast<float>(in)));
        if (bias) add(name + ".bias", {out}, 0.2F);
    };
    const auto norm = [&](const std::string& name, std::uint64_t n = kWidth) {
        add(name + ".weight", {n}, 0.2F, 1);
        if (!rms(arch) && arch != "modern-bert") add(name + ".bias", {n}, 0.2F);
    };
    add("token_embd.weight", {kWidth, kVocab}, 1);
    if (!rms(arch)) norm("token_embd_norm");
    if (!pre_norm(arch)) add("token_types.weight", {kWidth, 2}, 1);
    if (arch == "bert") add("position_embd.weight", {kWidth, kContext}, 1);
    if (arch == "modern-bert") {
        f.set("attention.sliding_window", std::uint64_t{9});
        f.set("attention.sliding_window_pattern", std::uint64_t{2});
        f.set("rope.freq_base_swa", 500.0);
    }
    if (arch == "nomic-bert-moe") {
        f.set("moe_every_n_layers", std::uint64_t{2});
        f.set("expert_count", std::uint64_t{5});
        f.set("expert_used_count", std::uint64_t{2});
    }
    for (std::uint64_t i = 0; i < kLayers; ++i) {
        const std::string b = cat("blk.", i, ".");
        if (pre_norm(arch)) {
            if (arch != "modern-bert" || i != 0) norm(b + "attn_norm");
            norm(b + "ffn_norm");
        } else {
            norm(b + "attn_output_norm");
            norm(b + "layer_output_norm");
        }
        if (one_of(arch, {"bert", "eurobert", "jina-bert-v2", "llama-embed"}))
            for (const char* part : {"attn_q", "attn_k", "attn_v"}) matrix(b + part, kWidth, kWidth);
        else
            matrix(b + "attn_qkv", kWidth, 3 * kWidth);
        if (arch == "jina-bert-v2")
            for (const char* part : {"attn_q_norm", "attn_k_norm", "attn_norm_2"}) norm(b + part);
        matrix(b + "attn_output", kWidth, kWidth);
        if (arch == "nomic-bert-moe" && i == 1) {
            add(b + "ffn_gate_inp.weight", {kWidth, 5}, 0.5F);
            add(b + "ffn_up_exps.weight", {kWidth, kFeedForward, 5}, 0.25F);
            add(b + "ffn_down_exps.weight", {kFeedForward, kWidth, 5}, 0.25F);
            add(b + "ffn_exps_sum.bias", {kWidth}, 0.2F);
            continue;
        }
        if (gated(arch)) matrix(b + "ffn_gate", kWidth, kFeedForward);
        matrix(b + "ffn_up", kWidth, fused_gate(arch) ? 2 * kFeedForward : kFeedForward);
        matrix(b + "ffn_down", kFeedForward, kWidth);
    }
    if (pre_norm(arch)) norm(arch == "neo-bert" ? "enc.output_norm" : "output_norm");
    if (head) {
        add("cls.weight", {kWidth, kWidth}, 0.2F);
        add("cls.bias", {kWidth}, 0.2F);
        if (arch == "modern-bert") add("cls.norm.weight", {kWidth}, 0.2F, 1);
        add("cls.output.weight", {kWidth, 3}, 0.2F);
        add("cls.output.bias", {3}, 0.2F);
    }
    return f;
}

}  // namespace hearth::test
