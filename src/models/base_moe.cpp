// The keys of mixtures of experts that families share, checked and brought to one form.
#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxExperts = 1 << 14, kMaxWidth = 1 << 20;

Result<Gating> read_gating(const Hparams& h, Gating fallback) {
    HEARTH_ASSIGN(const auto value, h.metadata().get_uint(h.full("expert_gating_func")));
    switch (value.value_or(0)) {
        case 0:
            return fallback;
        case 1:
            return Gating::softmax;
        case 2:
            return Gating::sigmoid;
        case 3:
            return Gating::softmax_of_chosen;
        case 4:
            return Gating::root_of_softplus;
        default:
            return Status(Code::unsupported,
                          cat("metadata key '", h.full("expert_gating_func"), "' is ", *value,
                              ", supported are 1 (softmax), 2 (sigmoid), 3 (softmax of the chosen), 4 (root of softplus)"));
    }
}

Status read_groups(const Hparams& h, MoeSpec& m) {
    HEARTH_ASSIGN(m.groups, h.count("expert_group_count", kMaxExpertGroups, m.groups));
    HEARTH_ASSIGN(m.groups_used, h.count("expert_group_used_count", m.groups, m.groups));
    if (m.experts % m.groups != 0)
        return {Code::malformed, cat("metadata key '", h.full("expert_group_count"), "' is ", m.groups,
                                     ", expected a divisor of '", h.full("expert_count"), "', which is ", m.experts)};
    const std::uint32_t reach = m.experts / m.groups * m.groups_used;
    if (m.used > reach)
        return {Code::malformed, cat("metadata key '", h.full("expert_group_used_count"), "' leaves ", reach,
                                     " experts to choose from, but '", h.full("expert_used_count"), "' is ", m.used)};
    return {};
}

}  // namespace

Status add_experts(const Hparams& h, DecoderSpec& spec, MoeSpec m) {
    HEARTH_ASSIGN(m.experts, h.count("expert_count", kMaxExperts));
    HEARTH_ASSIGN(m.used, h.count("expert_used_count", m.experts));
    HEARTH_ASSIGN(m.feed_forward, h.count("expert_feed_forward_length", kMaxWidth,
                                          m.feed_forward != 0 ? m.feed_forward : spec.layers[0].feed_forward));
    HEARTH_ASSIGN(const auto shared, h.metadata().get_uint(h.full("expert_shared_feed_forward_length")));
    if (shared.value_or(0) != 0) {
        HEARTH_ASSIGN(m.shared_feed_forward, h.count("expert_shared_feed_forward_length", kMaxWidth));
    }
    HEARTH_ASSIGN(m.gating, read_gating(h, m.gating));
    HEARTH_ASSIGN(m.normalize, h.flag("expert_weights_norm", m.normalize));
    HEARTH_ASSIGN(const double scale, h.number("expert_weights_scale", 0));
    if (scale != 0) m.scale = static_cast<float>(scale);
    HEARTH_TRY(read_groups(h, m));
    spec.moe = m;
    for (LayerSpec& layer : spec.layers) layer.experts = true;
    return {};
}

Status shared_experts(const Hparams& h, MoeSpec& moe) {
    HEARTH_ASSIGN(const auto count, h.metadata().get_uint(h.full("expert_shared_count")));
    if (moe.shared_feed_forward != 0 || count.value_or(0) == 0) return {};
    if (*count > kMaxWidth / moe.feed_forward)
        return {Code::malformed, cat("metadata key '", h.full("expert_shared_count"), "' is ", *count,
                                     ", expected at most ", kMaxWidth / moe.feed_forward)};
    moe.shared_feed_forward = static_cast<std::uint32_t>(*count) * moe.feed_forward;
    return {};
}

Status leading_dense_layers(const Hparams& h, DecoderSpec& spec) {
    HEARTH_ASSIGN(const auto count, h.metadata().get_uint(h.full("leading_dense_block_count")));
    if (count.value_or(0) > spec.layers.size())
        return {Code::malformed, cat("metadata key '", h.full("leading_dense_block_count"), "' is ", *count,
                                     ", expected at most ", spec.layers.size())};
    for (std::size_t layer = 0; layer < spec.layers.size(); ++layer)
        spec.layers[layer].experts = layer >= count.value_or(0);
    return {};
}

Status optional_experts(const Hparams& h, DecoderSpec& spec) {
    HEARTH_ASSIGN(const bool experts, has_experts(h));
    if (!experts) return {};
    MoeSpec moe;
    moe.normalize = true;
    return add_experts(h, spec, moe);
}

Result<bool> has_experts(const Hparams& h) {
    HEARTH_ASSIGN(const auto experts, h.metadata().get_uint(h.full("expert_count")));
    return experts.value_or(0) != 0;
}

}  // namespace hearth
