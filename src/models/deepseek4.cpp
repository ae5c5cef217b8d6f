// DeepSeek V4: several residual streams that are mixed, keys that are values too, rows of the cache for several tokens
// each beside a window, experts in every layer, of which the first are chosen by the token's id.
#include <algorithm>

#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxRank = 1 << 14, kMaxHeadDim = 8192, kMaxIndexHeads = 1024, kMaxIndexTop = 1 << 20,
                        kMaxStreams = 16, kMaxRounds = 1000;
constexpr std::uint32_t kIndexed = 4,
                        kSeenWhole = 128;  // tokens of a row that is chosen, and of one that all queries see

Status wrong(const Hparams& h, std::string_view key, const std::string& found, const std::string& expected) {
    return {Code::malformed, cat("metadata key '", h.full(key), "' is ", found, ", expected ", expected)};
}

// One for each layer, with or without those that are left alone; a file may give one for all.
Result<std::vector<double>> per_layer(const Hparams& h, const DecoderSpec& s, const char* key) {
    HEARTH_ASSIGN(auto values, h.metadata().get_floats(h.full(key), s.layers.size()));
    std::vector<double> out;
    if (!values) return out;
    out = *std::move(values);
    if (out.size() != s.layers.size() && out.size() != s.layers.size() + s.extra_layers)
        return wrong(h, key, cat("an array of ", out.size(), " values"),
                     cat("one for each of ", s.layers.size(), " layers"));
    out.resize(s.layers.size());
    return out;
}

Status read_heads(const Hparams& h, DecoderSpec& s) {
    const std::uint32_t key_dim = s.layers[0].key_dim;
    HEARTH_ASSIGN(const std::uint32_t value_dim, h.count("attention.value_length", kMaxHeadDim, key_dim));
    if (value_dim != key_dim)
        return wrong(h, "attention.value_length", cat(value_dim), cat(key_dim, ", as keys are values"));
    HEARTH_ASSIGN(const std::uint32_t kv_heads, h.count("attention.head_count_kv", kMaxHeadDim, 1));
    if (kv_heads != 1) return wrong(h, "attention.head_count_kv", cat(kv_heads), "1");
    CompressedSpec& c = s.compressed;
    HEARTH_ASSIGN(c.query_rank, h.count("attention.q_lora_rank", kMaxRank));
    HEARTH_ASSIGN(c.output_groups, h.count("attention.output_group_count", s.heads));
    if (s.heads % c.output_groups != 0)
        return wrong(h, "attention.output_group_count", cat(c.output_groups),
                     cat("a divisor of '", h.full("attention.head_count"), "', which is ", s.heads));
    HEARTH_ASSIGN(c.output_rank, h.count("attention.output_lora_rank", kMaxRank));
    if (c.output_rank % kLanes != 0)  // rows of a group are whole panels
        return wrong(h, "attention.output_lora_rank", cat(c.output_rank), cat("a multiple of ", kLanes));
    HEARTH_ASSIGN(const std::uint32_t window, h.count("attention.sliding_window", UINT32_MAX));
    for (LayerSpec& layer : s.layers) {
        layer.mixer = MixerKind::compressed;
        layer.kv_heads = 1;
        layer.value_dim = key_dim;
        layer.window = window;
    }
    return {};
}

// Layers whose rows stand for several tokens have a rotation of their own, the only one that is scaled.
Status read_ratios(const Hparams& h, DecoderSpec& s) {
    constexpr const char *kRatios = "attention.compress_ratios", *kBase = "attention.compress_rope_freq_base";
    HEARTH_ASSIGN(const std::vector<double> ratios, per_layer(h, s, kRatios));
    if (ratios.empty()) return {Code::malformed, cat("metadata key '", h.full(kRatios), "' is missing")};
    s.local_rope.kind = s.rope.kind;
    s.local_rope.dims = s.rope.dims;
    s.local_rope.base = s.rope.base;
    s.rope.magnitude = 1;
    bool some = false;
    for (std::size_t i = 0; i < s.layers.size(); ++i) {
        LayerSpec& layer = s.layers[i];
        if (ratios[i] != 0 && ratios[i] != kIndexed && ratios[i] != kSeenWhole)
            return {Code::unsupported, cat("metadata key '", h.full(kRatios), "' has ", ratios[i], " for layer ", i,
                                           ", supported are 0, ", kIndexed, " and ", kSeenWhole)};
        layer.ratio = static_cast<std::uint32_t>(ratios[i]);
        layer.indexed = layer.ratio == kIndexed;
        layer.rotation = layer.ratio != 0 ? Rotation::main : Rotation::local;
        some = some || layer.ratio != 0;
    }
    if (!some) return {};
    HEARTH_ASSIGN(s.rope.base, h.number(kBase));
    return s.rope.base > 1 ? Status() : wrong(h, kBase, cat(s.rope.base), "more than 1");
}

Status read_indexer(const Hparams& h, DecoderSpec& s) {
    if (std::ranges::none_of(s.layers, &LayerSpec::indexed)) return {};
    IndexSpec& index = s.compressed.index;
    HEARTH_ASSIGN(index.heads, h.count("attention.indexer.head_count", kMaxIndexHeads));
    HEARTH_ASSIGN(index.dim, h.count("attention.indexer.key_length", kMaxHeadDim));
    HEARTH_ASSIGN(index.top, h.count("attention.indexer.top_k", kMaxIndexTop));
    if (index.dim >= s.rope.dims) return {};
    return wrong(h, "attention.indexer.key_length", cat(index.dim),
                 cat("at least '", h.full("rope.dimension_count"), "', which is ", s.rope.dims));
}

Status read_streams(const Hparams& h, DecoderSpec& s) {
    constexpr const char* kEps = "hyper_connection.epsilon";
    HEARTH_ASSIGN(s.streams, h.count("hyper_connection.count", kMaxStreams));
    if (s.streams == 1) return wrong(h, "hyper_connection.count", "1", cat("2 to ", kMaxStreams));
    HEARTH_ASSIGN(s.mixing_rounds, h.count("hyper_connection.sinkhorn_iterations", kMaxRounds));
    HEARTH_ASSIGN(s.mixing_eps, h.number(kEps));
    return s.mixing_eps >= 0 && s.mixing_eps <= 1 ? Status() : wrong(h, kEps, cat(s.mixing_eps), "0 to 1");
}

// Limits of what enters the gated units; 0: none.
Status read_limits(const Hparams& h, DecoderSpec& s) {
    constexpr const char *kRouted = "swiglu_clamp_exp", *kShared = "swiglu_clamp_shexp";
    HEARTH_ASSIGN(const std::vector<double> routed, per_layer(h, s, kRouted));
    HEARTH_ASSIGN(std::vector<double> shared, per_layer(h, s, kShared));
    if (shared.empty()) shared = routed;
    for (const auto& [key, limits] : {std::pair(kRouted, &routed), std::pair(kShared, &std::as_const(shared))})
        for (std::size_t i = 0; i < limits->size(); ++i)
            if (!((*limits)[i] >= 0 && (*limits)[i] < 1e30))
                return {Code::malformed, cat("metadata key '", h.full(key), "' has ", (*limits)[i], " for layer ", i,
                                             ", expected 0 or more")};
    for (std::size_t i = 0; i < s.layers.size(); ++i) {
        if (!routed.empty()) s.layers[i].expert_limit = static_cast<float>(routed[i]);
        if (!shared.empty()) s.layers[i].shared_limit = static_cast<float>(shared[i]);
    }
    return {};
}

Status read_experts(const Hparams& h, DecoderSpec& s) {
    constexpr const char *kGating = "expert_gating_func", *kHashed = "hash_layer_count";
    constexpr std::uint64_t kRootOfSoftplus = 4;
    HEARTH_ASSIGN(const auto gating, h.metadata().get_uint(h.full(kGating)));
    if (gating.value_or(kRootOfSoftplus) != kRootOfSoftplus)
        return {Code::unsupported, cat("metadata key '", h.full(kGating), "' is ", *gating, ", supported is ",
                                       kRootOfSoftplus, " (root of softplus)")};
    MoeSpec moe;
    moe.gating = Gating::root_of_softplus;
    moe.normalize = true;
    HEARTH_TRY(add_experts(h, s, moe));
    HEARTH_TRY(shared_experts(h, s.moe));
    HEARTH_ASSIGN(const auto hashed, h.metadata().get_uint(h.full(kHashed)));
    if (hashed.value_or(0) > s.layers.size()) return wrong(h, kHashed, cat(*hashed), cat("at most ", s.layers.size()));
    for (std::size_t i = 0; i < hashed.value_or(0); ++i) s.layers[i].chosen_by_token = true;
    return read_limits(h, s);
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_deepseek4(const Hparams& h, TensorFinder& tensors) {
    for (const char* key : {"attention.key_length", "rope.dimension_count"}) {
        HEARTH_ASSIGN([[maybe_unused]] const std::uint32_t value, h.count(key, kMaxHeadDim));
    }
    // There are no dense layers, of which the usual key tells.
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent, MixerKind::attention,
                                                      "expert_feed_forward_length"));
    HEARTH_TRY(leave_predictors(h, spec));
    HEARTH_TRY(read_heads(h, spec));
    HEARTH_TRY(read_ratios(h, spec));
    HEARTH_TRY(read_indexer(h, spec));
    HEARTH_TRY(read_streams(h, spec));
    HEARTH_TRY(read_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
