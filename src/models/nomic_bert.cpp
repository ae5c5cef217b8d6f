// Nomic Embed: BERT with rotation instead of positions. Version 1 gates its feed-forward and has no biases; version 2
// has experts in every other layer.
#include "models/encoder_family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxExperts = 1 << 14;

Result<EncoderSpec> nomic_spec(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors));
    spec.token_types = true;
    HEARTH_TRY(encoder_rope(h, spec, RopeKind::halves, 1000));
    return spec;
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_nomic_bert(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, nomic_spec(h, tensors));
    spec.form = EncoderSpec::FeedForward::gated;
    spec.glu = Glu::silu;
    return make_encoder(h, tensors, std::move(spec));
}

Result<std::unique_ptr<Blueprint>> describe_nomic_bert_moe(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, nomic_spec(h, tensors));
    HEARTH_ASSIGN(const std::uint32_t every, h.count("moe_every_n_layers", UINT32_MAX));
    MoeSpec& m = spec.moe;
    HEARTH_ASSIGN(m.experts, h.count("expert_count", kMaxExperts));
    HEARTH_ASSIGN(m.used, h.count("expert_used_count", m.experts));
    m.feed_forward = spec.feed_forward;
    m.glu = Glu::gelu_erf;
    for (std::size_t i = 0; i < spec.layers.size(); ++i) spec.layers[i].experts = i % every == 1;
    return make_encoder(h, tensors, std::move(spec));
}

}  // namespace hearth
