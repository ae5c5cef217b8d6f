// What of an architecture's config.json is more than a key for a key.
#include <algorithm>
#include <charconv>
#include <limits>

#include "formats/hf/config_reading.hpp"
#include "formats/quote.hpp"

namespace hearth::formats {

namespace {

constexpr std::uint64_t kMostLayers = 1 << 16;  // beyond any model: what is more is refused where the count is read

std::uint64_t whole(JsonValue v, std::uint64_t fallback) {
    return v.integer().value_or(-1) < 0 ? fallback : static_cast<std::uint64_t>(*v.integer());
}
Result<std::uint64_t> layers_of(const HfReading& r) {
    const std::uint64_t layers = whole(r.config["num_hidden_layers"], 0);
    if (layers == 0 || layers > kMostLayers) return hf_wrong("'num_hidden_layers' is no count of layers");
    return layers;
}
Status expect_count(std::string_view key, std::size_t count, std::size_t expected) {
    if (count == expected) return {};
    return hf_wrong("'", key, "' has ", count, " entries, expected one for each of ", expected, " layers");
}

// Which layers "layer_types" says to be of a kind; the others must be full_attention. Empty where it is not told.
Result<std::vector<bool>> layers_of_kind(const HfReading& r, std::string_view kind) {
    std::vector<bool> out;
    for (const JsonValue type : r.config["layer_types"]) {
        out.push_back(type.is(kind));
        if (!out.back() && !type.is("full_attention"))
            return hf_unsupported("'layer_types' has ", quote(type.text()), ", supported are ", kind, " and full_attention");
    }
    return out;
}

// Layers that see a window only, of classes that GGUF files have no key for: theirs are never written with one.
Status windows(const HfReading& r) {
    const JsonValue given = r.config["sliding_window"];
    if (given.given() && !given.number()) return hf_wrong("'sliding_window' is ", given.kind_name(), ", expected a number");
    const double window = given.exists() ? given.number().value_or(0) : hf_default(r.family, "sliding_window").value_or(0);
    // Qwen and SmolLM have the number as well where it is switched off.
    const bool switched = r.family.name.starts_with("Qwen") || r.family.name.starts_with("SmolLM");
    if (window <= 0 || (switched && r.config["use_sliding_window"].boolean() != true)) return {};
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    if (window >= static_cast<double>(whole(r.config["max_position_embeddings"], 0))) return {};  // nothing lies outside of it
    HEARTH_ASSIGN(std::vector<bool> local, layers_of_kind(r, "sliding_attention"));
    if (!r.config["layer_types"].given()) {
        const std::uint64_t first = switched ? whole(r.config["max_window_layers"], 28) : 0;
        for (std::uint64_t i = 0; i < layers; ++i) local.push_back(i >= first);
    }
    HEARTH_TRY(expect_count("layer_types", local.size(), static_cast<std::size_t>(layers)));
    r.set("attention.sliding_window", static_cast<std::uint64_t>(window));
    r.set("attention.sliding_window_pattern", std::move(local));
    return {};
}

// Gates count from so many deviations on, below which a share of a normal distribution is; 0: from -infinity.
Status gemma3n(const HfReading& r) {
    if (r.config["altup_correct_scale"].boolean() == false) return hf_unsupported("'altup_correct_scale' is false, supported is true");
    // Where the second embedding has fewer tokens, the rest of the first is for what is no text.
    r.out.most_tokens = whole(r.config["vocab_size_per_layer_input"], 0);
    const JsonValue pattern = r.config["activation_sparsity_pattern"];
    if (!pattern.given()) return {};
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    std::vector<double> deviations;
    const auto add = [&](JsonValue share) -> Status {
        const double p = share.number().value_or(-1);
        if (p != 0 && p != 0.95) return hf_unsupported("'activation_sparsity_pattern' has ", share.number() ? cat(p) : std::string(share.kind_name()), ", supported are 0 and 0.95");
        deviations.push_back(p == 0 ? -std::numeric_limits<double>::infinity() : 1.6448535919189453);
        return {};
    };
    if (pattern.is_array()) {
        for (const JsonValue share : pattern) HEARTH_TRY(add(share));
    } else {
        for (std::uint64_t i = 0; i < layers; ++i) HEARTH_TRY(add(pattern));
    }
    HEARTH_TRY(expect_count("activation_sparsity_pattern", deviations.size(), layers));
    r.set("activation_sparsity_scale", std::move(deviations));
    return {};
}

// What "per_layer_config" has for a layer, whose number stands there with zeros before it where others have more digits.
JsonValue own_config(const HfReading& r, std::size_t layer) {
    const JsonValue each = r.config["per_layer_config"];
    for (const JsonValue own : each) {
        std::uint64_t number = 0;
        const std::string_view key = own.key();
        const auto read = std::from_chars(key.data(), key.data() + key.size(), number);
        if (read.ec == std::errc() && read.ptr == key.data() + key.size() && number == layer) return own;
    }
    return each.absent();
}

// Of layers that see everything: told once, or beside every layer that differs from the others.
std::uint64_t global_head_dim(const HfReading& r, const std::vector<bool>& local) {
    for (std::size_t i = 0; i < local.size() && r.config["per_layer_config"].is_object(); ++i)
        if (!local[i]) return whole(own_config(r, i)["head_dim"], whole(r.config["head_dim"], 256));
    return whole(r.config["global_head_dim"], 512);
}

// Local and global layers have heads of different widths and counts; the last layers, which share keys and values, may be
// twice as wide.
Status gemma4(const HfReading& r) {
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    if (r.config["use_bidirectional_attention"].is("all")) return hf_unsupported("'use_bidirectional_attention' is 'all', supported are none and 'vision'");
    HEARTH_ASSIGN(std::vector<bool> local, layers_of_kind(r, "sliding_attention"));
    if (!r.config["layer_types"].given())
        for (std::uint64_t i = 0; i < layers; ++i) local.push_back(i % 6 != 5);
    HEARTH_TRY(expect_count("layer_types", local.size(), layers));
    local.back() = false;

    const std::uint64_t narrow = whole(r.config["head_dim"], 256), wide = global_head_dim(r, local);
    for (const char* key : {"attention.key_length", "attention.value_length"}) {
        r.set(key, wide);
        r.set(cat(key, "_swa"), narrow);
    }
    const JsonValue heads = r.config["num_key_value_heads"], global = r.config["num_global_key_value_heads"];
    if (heads.given()) {
        const bool fewer = r.config["attention_k_eq_v"].boolean() == true && global.given();
        std::vector<std::uint64_t> counts;
        counts.reserve(local.size());
        for (std::size_t i = 0; i < local.size(); ++i)
            counts.push_back(whole(own_config(r, i)["num_key_value_heads"], whole(fewer && !local[i] ? global : heads, 0)));
        r.set("attention.head_count_kv", std::move(counts));
    }
    const std::uint64_t width = whole(r.config["intermediate_size"], 0), shared = whole(r.config["num_kv_shared_layers"], 0);
    if (r.config["use_double_wide_mlp"].boolean() == true && width != 0 && width < kMostLayers * kMostLayers) {
        std::vector<std::uint64_t> widths;
        widths.reserve(static_cast<std::size_t>(layers));
        for (std::uint64_t i = 0; i < layers; ++i) widths.push_back(shared <= layers && i >= layers - shared && shared != 0 ? 2 * width : width);
        r.set("feed_forward_length", std::move(widths));
    }
    if (r.config["enable_moe_block"].boolean() != true) r.set("expert_count", std::uint64_t{0});
    r.set("attention.sliding_window_pattern", std::move(local));
    // Without a cap there is none, where a file of hearth's would mean the usual one.
    if (!r.config["final_logit_softcapping"].given()) r.set("final_logit_softcapping", 0.0);
    return {};
}

Status llama4(const HfReading& r) {
    if (r.config["attention_chunk_size"].is_null()) return hf_unsupported("'attention_chunk_size' is null, supported is a count of tokens");
    const bool normed = r.config["use_qk_norm"].boolean().value_or(true);
    if (normed == (whole(r.config["num_local_experts"], 16) == 128))
        return hf_unsupported("'use_qk_norm' is ", normed ? "true" : "false", ", supported is false with 128 experts and true with others");
    if (r.config["attn_temperature_tuning"].boolean() == false || r.config["attn_temperature_tuning"].number() == 0.0)
        return hf_unsupported("'attn_temperature_tuning' is off, supported is on");
    const std::uint64_t step = std::max<std::uint64_t>(1, whole(r.config["interleave_moe_layer_step"], 1));
    for (const JsonValue layer : r.config["moe_layers"])
        if ((whole(layer, 0) + 1) % step != 0)
            return hf_unsupported("'moe_layers' has ", whole(layer, 0), ", supported is every ", step, "th layer, as 'interleave_moe_layer_step' says");
    return {};
}

// Qwen 3 Next and 3.5: layers with a gated delta rule.
Status gated_delta(const HfReading& r) {
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    HfDelta& d = r.out.delta;
    for (const auto& [key, to] : {std::pair("linear_num_key_heads", &d.key_heads), std::pair("linear_num_value_heads", &d.value_heads),
                                  std::pair("linear_key_head_dim", &d.key_dim), std::pair("linear_value_head_dim", &d.value_dim)}) {
        *to = whole(r.config[key], 0);
        if (*to == 0 || *to > kMostLayers) return hf_wrong("'", key, "' is no count from 1 to ", kMostLayers);
    }
    if (d.value_heads % d.key_heads != 0)
        return hf_wrong("'linear_num_value_heads' is ", d.value_heads, ", expected a multiple of 'linear_num_key_heads', which is ", d.key_heads);
    if (d.key_dim != d.value_dim)
        return hf_unsupported("'linear_value_head_dim' is ", d.value_dim, ", supported is 'linear_key_head_dim', which is ", d.key_dim);
    r.set("ssm.state_size", d.key_dim);
    r.set("ssm.group_count", d.key_heads);
    r.set("ssm.time_step_rank", d.value_heads);
    r.set("ssm.inner_size", d.value_heads * d.value_dim);
    if (!r.config["layer_types"].given()) return {};
    HEARTH_ASSIGN(std::vector<bool> recurrent, layers_of_kind(r, "linear_attention"));
    HEARTH_TRY(expect_count("layer_types", recurrent.size(), layers));
    r.set("attention.recurrent_layers", std::move(recurrent));
    return {};
}
// Qwen 3.5's files in GGUF have the heads of values in another order.
Status tiled_gated_delta(const HfReading& r) {
    r.out.delta.tiled = true;
    return gated_delta(r);
}

// Layers without heads of keys are convolutions; the width of the feed-forward may be said before its rounding.
Status lfm2(const HfReading& r) {
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    if (r.config["conv_bias"].boolean() == true) return hf_unsupported("'conv_bias' is true, supported is false");
    const std::uint64_t kv = whole(r.config["num_key_value_heads"], whole(r.config["num_attention_heads"], 0));
    HEARTH_ASSIGN(const std::vector<bool> convolutions, layers_of_kind(r, "conv"));
    std::vector<std::uint64_t> heads;
    heads.reserve(convolutions.size());
    for (const bool convolution : convolutions) heads.push_back(convolution ? 0 : kv);
    if (!r.config["layer_types"].given()) {
        const JsonValue full = r.config["full_attn_idxs"];
        heads.assign(static_cast<std::size_t>(layers), full.given() ? 0 : kv);
        for (const JsonValue layer : full)
            if (whole(layer, layers) < layers) heads[static_cast<std::size_t>(whole(layer, 0))] = kv;
    }
    HEARTH_TRY(expect_count("layer_types", heads.size(), layers));
    r.set("attention.head_count_kv", std::move(heads));
    std::uint64_t width = whole(r.config["block_ff_dim"], whole(r.config["intermediate_size"], 0));
    if (width == 0 || width > kMostLayers * 256) return hf_wrong("'intermediate_size' is no width from 1 to ", kMostLayers * 256);
    if (r.config["block_auto_adjust_ff_dim"].boolean().value_or(hf_default(r.family, "block_auto_adjust_ff_dim").value_or(0) != 0)) {
        const std::uint64_t multiple = std::max<std::uint64_t>(1, whole(r.config["block_multiple_of"], 256));
        width = 2 * width / 3;
        const double factor = r.config["block_ffn_dim_multiplier"].number().value_or(1);
        if (!(factor > 0 && factor < 1000) || multiple > kMostLayers) return hf_wrong("'block_ffn_dim_multiplier' or 'block_multiple_of' is out of bounds");
        width = static_cast<std::uint64_t>(factor * static_cast<double>(width));
        width = (width + multiple - 1) / multiple * multiple;
    }
    r.set("feed_forward_length", width);
    return {};
}

// RoBERTa's positions begin behind that of padding, which its table has as well.
Status bert(const HfReading& r) {
    const auto padding = hf_default(r.family, "pad_token_id");
    if (!padding) return {};
    const std::uint64_t pad = whole(r.config["pad_token_id"], static_cast<std::uint64_t>(*padding)), rows = whole(r.config["max_position_embeddings"], 0);
    if (pad >= rows || rows - pad < 2)
        return hf_wrong("'max_position_embeddings' is ", rows, ", expected more than 'pad_token_id' and one, which is ", pad);
    r.out.first_position = pad + 1;
    r.set("context_length", rows - pad - 1);
    return {};
}

// One layer in so many sees everything, beginning with the first; the activation is told to the loader.
Status modern_bert(const HfReading& r) {
    const JsonValue activation = r.config["hidden_activation"];
    if (activation.given()) {
        if (!activation.is("gelu") && !activation.is("silu"))
            return hf_unsupported("'hidden_activation' is ", quote(activation.text()), ", supported are gelu and silu");
        r.set("hidden_activation", std::string(activation.text()));
    }
    const JsonValue pooling = r.config["classifier_pooling"];
    if (r.out.scores) {
        if (pooling.given() && !pooling.is("cls") && !pooling.is("mean"))
            return hf_unsupported("'classifier_pooling' is ", quote(pooling.text()), ", supported are cls and mean");
        r.set("classifier.pooling_type", std::uint64_t{pooling.is("mean") ? 1U : 2U});
    }
    if (!r.config["layer_types"].given()) return {};
    HEARTH_ASSIGN(const std::vector<bool> local, layers_of_kind(r, "sliding_attention"));
    const std::size_t second = local.empty() ? 0 : static_cast<std::size_t>(std::find(local.begin() + 1, local.end(), false) - local.begin());
    for (std::size_t i = 0; i < local.size(); ++i)
        if (local[i] != (i % second != 0))
            return hf_unsupported("'layer_types' is not full_attention at every ", second, "th layer from the first on, but at layer ", i);
    if (second != 0) r.set("attention.sliding_window_pattern", std::uint64_t{second});
    return {};
}

// Two thirds of what the config says, in multiples of 8, are the width of the feed-forward.
Status neo_bert(const HfReading& r) {
    const std::uint64_t told = whole(r.config["intermediate_size"], 0);
    if (told == 0 || told > kMostLayers * 256) return hf_wrong("'intermediate_size' is no width from 1 to ", kMostLayers * 256);
    r.set("feed_forward_length", (2 * told / 3 + 7) / 8 * 8);
    return {};
}

// Latent attention: widths of heads in parts, and how a class routes where its config is silent.
Status latent(const HfReading& r) {
    std::uint64_t widths[3] = {};
    std::size_t at = 0;
    for (const char* key : {"qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"}) {
        widths[at] = whole(r.config[key], 0);
        if (widths[at] == 0 || widths[at] > kMostLayers) return hf_wrong("'", key, "' is no count from 1 to ", kMostLayers);
        ++at;
    }
    r.set("attention.key_length", widths[0] + widths[1]);
    r.set("rope.dimension_count", widths[1]);
    r.set("attention.value_length", widths[2]);

    const bool sigmoid = hf_default(r.family, "scoring_func") == 2.0;
    const JsonValue scoring = r.config["scoring_func"], method = r.config["topk_method"];
    if (scoring.given() && !scoring.is(sigmoid ? "sigmoid" : "softmax"))
        return hf_unsupported("'scoring_func' is ", quote(scoring.text()), ", supported of this class is ", sigmoid ? "sigmoid" : "softmax");
    r.set("expert_gating_func", std::uint64_t{sigmoid ? 2U : 1U});
    const bool normalized = hf_default(r.family, "norm_topk_prob").has_value();
    if (!normalized && r.config["norm_topk_prob"].boolean() == true) return hf_unsupported("'norm_topk_prob' is true, supported of this class is false");
    if (!r.config["norm_topk_prob"].given()) r.set("expert_weights_norm", normalized);
    if (method.given() && !method.is(sigmoid ? "noaux_tc" : "group_limited_greedy") && (sigmoid || !method.is("greedy")))
        return hf_unsupported("'topk_method' is ", quote(method.text()), ", supported of this class ", sigmoid ? "is noaux_tc" : "are greedy and group_limited_greedy");
    // V2 has groups only by name.
    if (!sigmoid && !normalized && !method.is("group_limited_greedy")) {
        r.set("expert_group_count", std::uint64_t{1});
        r.set("expert_group_used_count", std::uint64_t{1});
    }
    std::uint64_t dense = 0, layer = 0;
    for (const JsonValue type : r.config["mlp_layer_types"]) {
        if (type.is("dense") && dense == layer)
            ++dense;
        else if (!type.is("sparse"))
            return hf_unsupported("'mlp_layer_types' has ", quote(type.text()), " at layer ", layer, ", supported are dense ones and then sparse ones");
        ++layer;
    }
    if (layer != 0) r.set("leading_dense_block_count", dense);
    return {};
}

// DeepSeek V4: for how many tokens a key of a layer stands beside those of its window, 0 for none, and which layers choose
// experts by the token. Published configs have numbers, of predictors of further tokens as well; transformers writes names.
Status compressed_layers(const HfReading& r, std::uint64_t layers) {
    constexpr std::uint64_t kIndexed = 4, kSeenWhole = 128;
    const JsonValue names = r.config["layer_types"], numbers = r.config["compress_ratios"], rates = r.config["compress_rates"];
    for (const auto& [key, rate] : {std::pair("compressed_sparse_attention", kIndexed), std::pair("heavily_compressed_attention", kSeenWhole)})
        if (rates[key].given() && rates[key].integer() != static_cast<std::int64_t>(rate))
            return hf_unsupported("'compress_rates.", key, "' is another than ", rate, ", which is what is supported");
    const char* const key = names.given() ? "layer_types" : "compress_ratios";
    std::vector<std::uint64_t> ratios;
    for (const JsonValue name : names) {
        if (!name.is("sliding_attention") && !name.is("compressed_sparse_attention") && !name.is("heavily_compressed_attention"))
            return hf_unsupported("'layer_types' has ", quote(name.text()), ", supported are sliding_attention, compressed_sparse_attention and heavily_compressed_attention");
        ratios.push_back(name.is("sliding_attention") ? 0 : name.is("compressed_sparse_attention") ? kIndexed : kSeenWhole);
    }
    if (!names.given())
        for (const JsonValue number : numbers) {
            ratios.push_back(whole(number, 1));
            if (number.integer() != 0 && ratios.back() != kIndexed && ratios.back() != kSeenWhole)
                return hf_unsupported("'compress_ratios' has ", number.integer() ? cat(*number.integer()) : std::string(number.kind_name()), " at layer ",
                                      ratios.size() - 1, ", supported are 0, ", kIndexed, " and ", kSeenWhole);
        }
    if (ratios.size() < layers) return expect_count(key, ratios.size(), static_cast<std::size_t>(layers));
    ratios.resize(static_cast<std::size_t>(layers));
    r.set("attention.compress_ratios", std::move(ratios));

    std::uint64_t hashed = 0, layer = 0;
    for (const JsonValue name : r.config["mlp_layer_types"]) {
        if (name.is("hash_moe") && hashed == layer)
            ++hashed;
        else if (!name.is("moe"))
            return hf_unsupported("'mlp_layer_types' has ", quote(name.text()), " at layer ", layer, ", supported are hash_moe and then moe");
        ++layer;
    }
    if (layer != 0) r.set("hash_layer_count", std::min(hashed, layers));
    return {};
}
Status deepseek4(const HfReading& r) {
    HEARTH_ASSIGN(const std::uint64_t layers, layers_of(r));
    HEARTH_TRY(compressed_layers(r, layers));
    const JsonValue limit = r.config["swiglu_limit"];
    if (limit.given() && !limit.number()) return hf_wrong("'swiglu_limit' is ", limit.kind_name(), ", expected a number");
    const double most = limit.exists() ? limit.number().value_or(0) : hf_default(r.family, "swiglu_limit").value_or(0);
    r.set("swiglu_clamp_exp", std::vector<double>(static_cast<std::size_t>(layers), static_cast<double>(static_cast<float>(most))));

    const JsonValue every = r.config["rope_parameters"], nested = every["compress"];
    const JsonValue scaling = nested.is_object() ? nested : every.is_object() ? every : r.config["rope_scaling"];
    const JsonValue kind = scaling["rope_type"].given() ? scaling["rope_type"] : scaling["type"], factor = scaling["attention_factor"];
    const char* const where = nested.is_object() ? "rope_parameters.compress." : every.is_object() ? "rope_parameters." : "rope_scaling.";
    if (kind.given() && !kind.is("default") && !kind.is("yarn"))
        return hf_unsupported("'", where, "rope_type' is ", quote(kind.text()), ", supported are default and yarn");
    if (factor.given() && factor.number() != 1.0) return hf_unsupported("'", where, "attention_factor' is not 1, which is what is supported");
    if (!nested.is_object()) return {};
    const JsonValue main = every["main"], type = main["rope_type"];
    if (!main.is_object()) return hf_wrong("'rope_parameters' has 'compress' without 'main'");
    if (type.given() && !type.is("default")) return hf_unsupported("'rope_parameters.main.rope_type' is ", quote(type.text()), ", supported is default");
    if (main["partial_rotary_factor"].number() != nested["partial_rotary_factor"].number())
        return hf_unsupported("'rope_parameters' has two values of partial_rotary_factor, supported is one");
    HEARTH_ASSIGN(const double base, hf_number(nested, "rope_parameters.compress.", "rope_theta"));
    r.set("attention.compress_rope_freq_base", base);
    return {};
}

struct Special {
    std::string_view architecture;
    Status (*read)(const HfReading&);
};
constexpr Special kSpecials[] = {{"gemma3n", gemma3n}, {"gemma4", gemma4}, {"llama4", llama4}, {"qwen3next", gated_delta},
                                 {"qwen35", tiled_gated_delta}, {"qwen35moe", tiled_gated_delta}, {"lfm2", lfm2}, {"lfm2moe", lfm2},
                                 {"bert", bert}, {"modern-bert", modern_bert}, {"neo-bert", neo_bert},
                                 {"llama", windows}, {"phi3", windows}, {"phimoe", windows}, {"qwen2", windows},
                                 {"qwen2moe", windows}, {"qwen3", windows}, {"qwen3moe", windows}, {"smollm3", windows},
                                 {"mistral3", windows}, {"deepseek2", latent}, {"deepseek32", latent}, {"mistral4", latent}, {"deepseek4", deepseek4}};

}  // namespace

Status read_special(const HfReading& r) {
    for (const Special& s : kSpecials)
        if (applies(s.architecture, r.family)) return s.read(r);
    return {};
}

}  // namespace hearth::formats
