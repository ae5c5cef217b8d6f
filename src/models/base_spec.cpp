// The keys that decoder families share (GGUF's "{architecture}.*"), checked and brought to one form.
#include <cmath>

#include "hearth/base/math.hpp"
#include "hearth/layers/linear.hpp"
#include "models/family.hpp"

namespace hearth {

namespace {

// Bounds that no real model reaches: what lies beyond would only overflow sizes further on.
constexpr std::uint64_t kMaxLayers = 1024, kMaxWidth = 1 << 20, kMaxHeads = 4096, kMaxHeadDim = 8192, kMaxVocab = 1 << 24,
                        kMaxContext = std::uint64_t{1} << 31;
// Frequencies are divided by scaling factors. Those of real models are at least about 1; with this bound the angle of any
// position stays where sine and cosine are defined (below 2^51).
constexpr double kLeastFactor = 1e-3;

// Sizes of the layers: one for all, or one for each.
Status read_layers(const Hparams& h, DecoderSpec& s, MixerKind headless, const char* width) {
    HEARTH_ASSIGN(const std::uint32_t layers, h.count("block_count", kMaxLayers));
    LayerSpec layer;
    if (!h.has("attention.key_length") && s.embedding % s.heads != 0)
        return {Code::malformed, cat("metadata key '", h.full("embedding_length"), "' is ", s.embedding,
                                     ", not a multiple of '", h.full("attention.head_count"), "', which is ", s.heads)};
    HEARTH_ASSIGN(layer.key_dim, h.count("attention.key_length", kMaxHeadDim, s.embedding / s.heads));
    HEARTH_ASSIGN(layer.value_dim, h.count("attention.value_length", kMaxHeadDim, s.embedding / s.heads));
    std::vector<std::uint32_t> feed_forward(layers);
    // Models of experts alone may say the width of those only; make_decoder() asks for it where a layer has others.
    if (h.has(width) || !h.has("expert_feed_forward_length")) {
        HEARTH_ASSIGN(feed_forward, h.counts(width, kMaxWidth * 8, layers, 0));
    }
    const std::uint32_t least_heads = headless == MixerKind::attention ? 1 : 0;
    HEARTH_ASSIGN(const auto kv_heads, h.counts("attention.head_count_kv", kMaxHeads, layers, s.heads, least_heads));
    for (std::uint32_t i = 0; i < layers; ++i) {
        layer.feed_forward = feed_forward[i];
        layer.kv_heads = kv_heads[i];
        layer.mixer = layer.kv_heads == 0 ? headless : MixerKind::attention;
        if (layer.kv_heads != 0 && s.heads % layer.kv_heads != 0)
            return {Code::malformed, cat("metadata key '", h.full("attention.head_count"), "' is ", s.heads,
                                         ", not a multiple of '", h.full("attention.head_count_kv"), "', which is ",
                                         layer.kv_heads)};
        s.layers.push_back(layer);
    }
    return {};
}

// Factors stored as a tensor of dims / 2 floats; small, so they are read while describing.
Result<std::vector<float>> read_factors(TensorFinder& tensors, const TensorSource& source, const char* name,
                                        std::uint32_t dims) {
    std::vector<float> factors;
    HEARTH_ASSIGN(const TensorInfo* info, tensors.want(name, {dims / 2}));
    if (info == nullptr) return factors;
    HEARTH_ASSIGN(factors, read_floats(source, *info));
    for (std::size_t i = 0; i < factors.size(); ++i)
        if (!(static_cast<double>(factors[i]) >= kLeastFactor))
            return Status(Code::malformed, cat("tensor '", name, "' entry ", i, " is ", factors[i], ", expected at least ", kLeastFactor));
    return factors;
}

Status read_rope(const Hparams& h, TensorFinder& tensors, DecoderSpec& s) {
    RopeSpec& r = s.rope;
    HEARTH_ASSIGN(r.dims, h.count("rope.dimension_count", s.layers[0].key_dim, s.layers[0].key_dim));
    if (r.dims % 2 != 0)
        return {Code::malformed, cat("metadata key '", h.full("rope.dimension_count"), "' is ", r.dims, ", expected an even number")};
    HEARTH_ASSIGN(r.base, h.number("rope.freq_base", 10000));
    if (!(r.base > 1)) return {Code::malformed, cat("metadata key '", h.full("rope.freq_base"), "' is ", r.base, ", expected more than 1")};

    HEARTH_ASSIGN(const std::string type, h.text("rope.scaling.type", "linear"));
    HEARTH_ASSIGN(const double legacy, h.number("rope.scale_linear", 0));
    HEARTH_ASSIGN(double factor, h.number("rope.scaling.factor", legacy));
    if (factor == 0) factor = 1;
    if (!(factor >= kLeastFactor))
        return {Code::malformed, cat("metadata key '", h.full("rope.scaling.factor"), "' is ", factor, ", expected at least ", kLeastFactor)};
    HEARTH_ASSIGN(const double original, h.number("rope.scaling.original_context_length", static_cast<double>(s.context)));
    if (!(original >= 1 && original <= static_cast<double>(kMaxContext)))
        return {Code::malformed, cat("metadata key '", h.full("rope.scaling.original_context_length"), "' is ", original,
                                     ", expected 1 to ", kMaxContext)};
    HEARTH_ASSIGN(const double attention_factor, h.number("rope.scaling.attn_factor", 1));
    r.magnitude = attention_factor;
    if (type == "linear") {
        r.linear = factor;
    } else if (type == "yarn") {
        r.yarn.on = true;
        r.yarn.factor = factor;
        r.yarn.original_context = original;
        for (const auto& [key, beta] : {std::pair("rope.scaling.yarn_beta_fast", &r.yarn.beta_fast), std::pair("rope.scaling.yarn_beta_slow", &r.yarn.beta_slow)}) {
            HEARTH_ASSIGN(*beta, h.number(key, *beta));
            if (!(*beta > 0)) return {Code::malformed, cat("metadata key '", h.full(key), "' is ", *beta, ", expected more than 0")};
        }
        HEARTH_ASSIGN(r.yarn.whole_pairs, h.flag("rope.scaling.yarn_truncate", true));
        // Attention entropy correction, section 3.4 of the YaRN paper; with a log multiplier it is taken back in part.
        HEARTH_ASSIGN(const double multiplier, h.number("rope.scaling.yarn_log_multiplier", 0));
        double m = 0.1 * det_log(factor) + 1;
        if (multiplier != 0) m /= 0.1 * multiplier * det_log(factor) + 1;
        r.magnitude *= m;
    } else if (type != "none" && type != "longrope") {
        return {Code::unsupported, cat("metadata key '", h.full("rope.scaling.type"), "' is '", type,
                                       "', expected none, linear, yarn or longrope")};
    }

    const TensorSource& source = tensors.source();
    HEARTH_ASSIGN(r.factors, read_factors(tensors, source, "rope_freqs.weight", r.dims));
    HEARTH_ASSIGN(auto short_factors, read_factors(tensors, source, "rope_factors_short.weight", r.dims));
    HEARTH_ASSIGN(s.rope_factors_long, read_factors(tensors, source, "rope_factors_long.weight", r.dims));
    if (!short_factors.empty()) r.factors = std::move(short_factors);
    s.long_context = static_cast<std::uint64_t>(original);
    return {};
}

}  // namespace

Result<DecoderSpec> base_decoder_spec(const Hparams& h, TensorFinder& tensors, RopeKind kind,
                                      MixerKind headless, const char* width) {
    DecoderSpec s;
    HEARTH_ASSIGN(s.embedding, h.count("embedding_length", kMaxWidth));
    HEARTH_ASSIGN(s.heads, h.count("attention.head_count", kMaxHeads));
    HEARTH_ASSIGN(const std::uint32_t context, h.count("context_length", kMaxContext));
    s.context = context;
    HEARTH_TRY(read_layers(h, s, headless, width));

    // The vocabulary's size is that of the embedding table; the tokenizer may know fewer entries.
    const TensorInfo* table = tensors.source().find("token_embd.weight");
    if (table == nullptr) return Status(Code::malformed, cat("tensor 'token_embd.weight' is missing, expected shape {", s.embedding, ", vocabulary}"));
    if (table->dims != 2 || table->shape[1] == 0 || table->shape[1] > kMaxVocab)
        return Status(Code::malformed, cat("tensor 'token_embd.weight' has shape ", shape_text(*table), ", expected {", s.embedding, ", vocabulary}"));
    s.vocab = static_cast<std::uint32_t>(table->shape[1]);

    HEARTH_ASSIGN(const double eps, h.number("attention.layer_norm_rms_epsilon"));
    if (!(eps >= 0) || eps > 1) return Status(Code::malformed, cat("metadata key '", h.full("attention.layer_norm_rms_epsilon"), "' is ", eps, ", expected 0 to 1"));
    s.norm_eps = static_cast<float>(eps);
    HEARTH_ASSIGN(const double scale, h.number("attention.scale", 0));
    s.attention_scale = static_cast<float>(scale != 0 ? scale : 1.0 / std::sqrt(static_cast<double>(s.layers[0].key_dim)));
    HEARTH_TRY(read_rope(h, tensors, s));
    s.rope.kind = kind;
    HEARTH_ASSIGN(s.causal, h.flag("attention.causal", true));
    // Of families that have a rule for their layers the function of the family sets the same, and more, later.
    const MetaValue* pattern = h.metadata().find(h.full("attention.sliding_window_pattern"));
    if (pattern != nullptr && std::holds_alternative<std::vector<bool>>(*pattern)) {
        HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
        HEARTH_TRY(local_layers(h, s, static_cast<std::size_t>(window.value_or(0)), 1));
    }
    s.head.rank_pooling = Pooling::last;
    return s;
}

Status local_layers(const Hparams& h, DecoderSpec& spec, std::size_t window, std::uint32_t period) {
    if (window == 0) return {};
    const std::size_t layers = spec.layers.size();
    std::vector<bool> local(layers);
    constexpr const char* kPattern = "attention.sliding_window_pattern";
    const MetaValue* value = h.metadata().find(h.full(kPattern));
    if (value != nullptr && std::holds_alternative<std::vector<bool>>(*value)) {
        local = std::get<std::vector<bool>>(*value);
        if (local.size() != layers)
            return {Code::malformed, cat("metadata key '", h.full(kPattern), "' is an array of ", local.size(),
                                         " values, expected one for each of ", layers, " layers")};
    } else {
        HEARTH_ASSIGN(period, h.count(kPattern, UINT32_MAX, period));
        for (std::size_t i = 0; i < layers; ++i) local[i] = i % period + 1 < period;
    }
    for (std::size_t i = 0; i < layers; ++i) {
        if (!local[i]) continue;
        spec.layers[i].window = window;
        if (spec.local_rope.kind != RopeKind::none) spec.layers[i].rotation = Rotation::local;
    }
    return {};
}

Status local_rope(const Hparams& h, DecoderSpec& spec, double base) {
    HEARTH_ASSIGN(base, h.number("rope.freq_base_swa", base));
    if (!(base > 1))
        return {Code::malformed,
                cat("metadata key '", h.full("rope.freq_base_swa"), "' is ", base, ", expected more than 1")};
    spec.local_rope.kind = spec.rope.kind;
    spec.local_rope.dims = spec.rope.dims;
    spec.local_rope.base = base;
    return {};
}

Status share_kv(const Hparams& h, DecoderSpec& spec) {
    constexpr const char* kShared = "attention.shared_kv_layers";
    HEARTH_ASSIGN(const auto count, h.metadata().get_uint(h.full(kShared)));
    if (count.value_or(0) == 0) return {};
    const std::size_t layers = spec.layers.size();
    if (*count + 2 > layers || *count > layers)
        return {Code::malformed, cat("metadata key '", h.full(kShared), "' is ", *count, ", expected less than ",
                                     layers - 1, ", as there are ", layers, " layers")};
    const std::size_t own = layers - static_cast<std::size_t>(*count);
    for (std::size_t i = own; i < layers; ++i) {
        LayerSpec& layer = spec.layers[i];
        // The last of its kind; of none the nearest, which is refused below.
        std::size_t from = own - 1;
        while (from != 0 && spec.layers[from].window != layer.window) --from;
        const LayerSpec& owner = spec.layers[from];
        if (owner.window != layer.window || owner.kv_heads != layer.kv_heads || owner.key_dim != layer.key_dim ||
            owner.value_dim != layer.value_dim)
            return {Code::malformed, cat("metadata key '", h.full(kShared), "' is ", *count, ", by which layer ", i,
                                         " reads the keys of layer ", from, ", which are of another kind")};
        layer.kv_layer = static_cast<std::uint32_t>(from);
    }
    return {};
}

Result<float> softcap(const Hparams& h, std::string_view key, double fallback) {
    HEARTH_ASSIGN(const double cap, h.number(key, fallback));
    if (cap < 0)
        return Status(Code::malformed, cat("metadata key '", h.full(key), "' is ", cap, ", expected 0 or more"));
    return static_cast<float>(cap);
}

Status leave_predictors(const Hparams& h, DecoderSpec& spec) {
    HEARTH_ASSIGN(const auto predictors, h.metadata().get_uint(h.full("nextn_predict_layers")));
    if (predictors.value_or(0) >= spec.layers.size())
        return {Code::malformed, cat("metadata key '", h.full("nextn_predict_layers"), "' is ", *predictors,
                                     ", expected less than '", h.full("block_count"), "', which is ",
                                     spec.layers.size())};
    spec.extra_layers = static_cast<std::uint32_t>(predictors.value_or(0));
    spec.layers.resize(spec.layers.size() - spec.extra_layers);
    return {};
}

}  // namespace hearth
