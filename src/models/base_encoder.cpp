// The keys that encoders share (GGUF's "{architecture}.*"), checked and brought to one form.
#include "models/encoder_family.hpp"

namespace hearth {

namespace {

// Bounds that no real model reaches: what lies beyond would only overflow sizes further on.
constexpr std::uint64_t kMaxLayers = 1024, kMaxWidth = 1 << 20, kMaxHeads = 4096, kMaxHeadDim = 8192,
                        kMaxVocab = 1 << 24, kMaxContext = std::uint64_t{1} << 24;
constexpr double kLeastFactor = 1e-3;

}  // namespace

Result<EncoderSpec> base_encoder_spec(const Hparams& h, TensorFinder& tensors, bool rms) {
    EncoderSpec s;
    HEARTH_ASSIGN(s.embedding, h.count("embedding_length", kMaxWidth));
    HEARTH_ASSIGN(s.heads, h.count("attention.head_count", kMaxHeads));
    HEARTH_ASSIGN(s.kv_heads, h.count("attention.head_count_kv", kMaxHeads, s.heads));
    if (s.heads % s.kv_heads != 0)
        return Status(Code::malformed,
                      cat("metadata key '", h.full("attention.head_count"), "' is ", s.heads, ", not a multiple of '",
                          h.full("attention.head_count_kv"), "', which is ", s.kv_heads));
    if (!h.has("attention.key_length") && s.embedding % s.heads != 0)
        return Status(Code::malformed,
                      cat("metadata key '", h.full("embedding_length"), "' is ", s.embedding, ", not a multiple of '",
                          h.full("attention.head_count"), "', which is ", s.heads));
    HEARTH_ASSIGN(s.head_dim, h.count("attention.key_length", kMaxHeadDim, s.embedding / s.heads));
    HEARTH_ASSIGN(const std::uint32_t values, h.count("attention.value_length", kMaxHeadDim, s.head_dim));
    if (values != s.head_dim)
        return Status(Code::unsupported, cat("metadata key '", h.full("attention.value_length"), "' is ", values,
                                             ", expected that of keys, ", s.head_dim));
    HEARTH_ASSIGN(s.feed_forward, h.count("feed_forward_length", kMaxWidth));
    HEARTH_ASSIGN(s.context, h.count("context_length", kMaxContext));
    HEARTH_ASSIGN(const std::uint32_t layers, h.count("block_count", kMaxLayers));
    s.layers.resize(layers);

    const TensorInfo* table = tensors.source().find("token_embd.weight");
    if (table == nullptr)
        return Status(Code::malformed,
                      cat("tensor 'token_embd.weight' is missing, expected shape {", s.embedding, ", vocabulary}"));
    if (table->dims != 2 || table->shape[1] == 0 || table->shape[1] > kMaxVocab)
        return Status(Code::malformed, cat("tensor 'token_embd.weight' has shape ", shape_text(*table), ", expected {",
                                           s.embedding, ", vocabulary}"));
    s.vocab = static_cast<std::uint32_t>(table->shape[1]);

    s.rms_norms = rms;
    s.norm_bias = !rms;
    const char* const key = rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon";
    HEARTH_ASSIGN(const double eps, h.number(key));
    if (!(eps >= 0) || eps > 1)
        return Status(Code::malformed, cat("metadata key '", h.full(key), "' is ", eps, ", expected 0 to 1"));
    s.norm_eps = static_cast<float>(eps);
    HEARTH_ASSIGN(const bool causal, h.flag("attention.causal", false));
    if (causal)
        return Status(Code::unsupported, cat("metadata key '", h.full("attention.causal"),
                                             "' is true, expected false: encoders see both ways"));
    return s;
}

Status encoder_rope(const Hparams& h, EncoderSpec& spec, RopeKind kind, double base) {
    RopeSpec& r = spec.rope;
    r.kind = kind;
    HEARTH_ASSIGN(r.dims, h.count("rope.dimension_count", spec.head_dim, spec.head_dim));
    if (r.dims % 2 != 0)
        return {Code::malformed,
                cat("metadata key '", h.full("rope.dimension_count"), "' is ", r.dims, ", expected an even number")};
    HEARTH_ASSIGN(r.base, h.number("rope.freq_base", base));
    if (!(r.base > 1))
        return {Code::malformed,
                cat("metadata key '", h.full("rope.freq_base"), "' is ", r.base, ", expected more than 1")};
    HEARTH_ASSIGN(const std::string type, h.text("rope.scaling.type", "linear"));
    HEARTH_ASSIGN(const double factor, h.number("rope.scaling.factor", 1));
    if (type == "none") return {};
    if (type != "linear")
        return {Code::unsupported,
                cat("metadata key '", h.full("rope.scaling.type"), "' is '", type, "', expected none or linear")};
    if (factor != 0 && !(factor >= kLeastFactor))
        return {Code::malformed, cat("metadata key '", h.full("rope.scaling.factor"), "' is ", factor,
                                     ", expected at least ", kLeastFactor)};
    if (factor != 0) r.linear = factor;
    return {};
}

}  // namespace hearth
