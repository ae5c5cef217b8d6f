// The keys of families whose layers have recurrences in place of attention, checked and brought to one form.
#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxHeads = 4096, kMaxHeadDim = 1024;

// Which layers are recurrent: all but every interval-th, unless the file has a flag for each, predictors included or
// not.
Result<std::vector<bool>> recurrent_layers(const Hparams& h, const DecoderSpec& spec) {
    constexpr const char* kFlags = "attention.recurrent_layers";
    const std::size_t layers = spec.layers.size(), all = layers + spec.extra_layers;
    std::vector<bool> recurrent(layers);
    if (!h.has(kFlags)) {
        HEARTH_ASSIGN(const std::uint32_t interval, h.count("full_attention_interval", UINT32_MAX, 4));
        for (std::size_t i = 0; i < layers; ++i) recurrent[i] = (i + 1) % interval != 0;
        return recurrent;
    }
    const MetaValue* value = h.metadata().find(h.full(kFlags));
    if (const auto* flags = std::get_if<std::vector<bool>>(value); flags != nullptr) {
        recurrent = *flags;
    } else {
        HEARTH_ASSIGN(const auto found, h.metadata().get_uints(h.full(kFlags), all));
        recurrent.clear();
        for (const std::uint64_t flag : found.value_or(std::vector<std::uint64_t>())) recurrent.push_back(flag != 0);
    }
    if (recurrent.size() != layers && recurrent.size() != all)
        return Status(Code::malformed, cat("metadata key '", h.full(kFlags), "' is an array of ", recurrent.size(),
                                           " values, expected one for each of ", layers, " layers"));
    recurrent.resize(layers);
    return recurrent;
}

Status gated_delta_layers(const Hparams& h, DecoderSpec& spec, bool tiled) {
    DeltaSpec& s = spec.delta;
    s.tiled = tiled;
    HEARTH_ASSIGN(s.taps, h.count("ssm.conv_kernel", kMaxConvTaps));
    HEARTH_ASSIGN(s.head_dim, h.count("ssm.state_size", kMaxHeadDim));
    HEARTH_ASSIGN(s.key_heads, h.count("ssm.group_count", kMaxHeads));
    HEARTH_ASSIGN(s.value_heads, h.count("ssm.time_step_rank", kMaxHeads));
    if (s.value_heads % s.key_heads != 0)
        return {Code::malformed,
                cat("metadata key '", h.full("ssm.time_step_rank"), "' is ", s.value_heads,
                    ", expected a multiple of '", h.full("ssm.group_count"), "', which is ", s.key_heads)};
    HEARTH_ASSIGN(const std::uint32_t inner, h.count("ssm.inner_size", kMaxHeads * kMaxHeadDim));
    if (inner != s.value_heads * s.head_dim)
        return {Code::unsupported, cat("metadata key '", h.full("ssm.inner_size"), "' is ", inner, ", supported is ",
                                       s.value_heads * s.head_dim, ", ssm.time_step_rank heads of ssm.state_size")};
    HEARTH_ASSIGN(const std::vector<bool> recurrent, recurrent_layers(h, spec));
    for (std::size_t i = 0; i < recurrent.size(); ++i)
        if (recurrent[i]) spec.layers[i].mixer = MixerKind::gated_delta;
    return {};
}

Status gated_queries(const Hparams& h, DecoderSpec& spec) {
    const LayerSpec& layer = spec.layers[0];
    if (layer.key_dim != layer.value_dim)
        return {Code::malformed, cat("metadata key '", h.full("attention.value_length"), "' is ", layer.value_dim,
                                     ", expected ", layer.key_dim, " as '", h.full("attention.key_length"), "'")};
    spec.gated_queries = true;
    return {};
}

}  // namespace

Result<DecoderSpec> base_gated_delta_spec(const Hparams& h, TensorFinder& tensors, bool tiled) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    HEARTH_TRY(leave_predictors(h, spec));
    HEARTH_TRY(gated_delta_layers(h, spec, tiled));
    HEARTH_TRY(gated_queries(h, spec));
    spec.qk_norm = QkNorm::heads;
    spec.ffn_norm = "post_attention_norm";
    return spec;
}

Result<DecoderSpec> base_lfm2_spec(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves, MixerKind::short_conv));
    HEARTH_ASSIGN(spec.short_conv_taps, h.count("shortconv.l_cache", kMaxConvTaps));
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    for (LayerSpec& layer : spec.layers) layer.window = static_cast<std::size_t>(window.value_or(0));
    spec.qk_norm = QkNorm::heads;
    spec.output_norm = "token_embd_norm";
    return spec;
}

Status text_sections(const Hparams& h, const DecoderSpec& spec) {
    constexpr const char* kSections = "rope.dimension_sections";
    HEARTH_ASSIGN(const auto sections, h.metadata().get_uints(h.full(kSections)));
    if (!sections) return {};
    if (sections->size() != 3 && sections->size() != 4)
        return {Code::malformed, cat("metadata key '", h.full(kSections), "' is an array of ", sections->size(),
                                     " values, expected 3 or 4")};
    // Pair i turns by coordinate i mod 3 as long as i < 3 * section; the others have a fourth one, which text has not.
    for (std::uint64_t i = 0; i < spec.rope.dims / 2; ++i)
        if (i / 3 >= (*sections)[i % 3])
            return {Code::unsupported, cat("metadata key '", h.full(kSections), "' leaves out pair ", i, " of ",
                                           spec.rope.dims / 2, ", supported are sections that cover all")};
    return {};
}

Status shared_gated_experts(const Hparams& h, DecoderSpec& spec) {
    MoeSpec moe;
    moe.normalize = true;
    moe.shared_gated = true;
    return add_experts(h, spec, moe);
}

}  // namespace hearth
