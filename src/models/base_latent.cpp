// The keys that families with latent attention share, checked and brought to one form.
#include <cmath>

#include "hearth/base/math.hpp"
#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxRank = 1 << 14, kMaxHeadDim = 8192, kMaxIndexHeads = 1024, kMaxIndexTop = 1 << 20;

// Widths of a head: the keys of files whose matrices are split, or those of older ones, where they mean the same.
Status read_head(const Hparams& h, DecoderSpec& s) {
    LatentSpec& l = s.latent;
    const bool split = h.has("attention.key_length_mla") || h.has("attention.value_length_mla");
    const char *const key = split || !l.joint ? "attention.key_length_mla" : "attention.key_length",
                      *const value = split || !l.joint ? "attention.value_length_mla" : "attention.value_length";
    HEARTH_ASSIGN(const std::uint32_t query, h.count(key, kMaxHeadDim));
    HEARTH_ASSIGN(l.value_dim, h.count(value, kMaxHeadDim));
    if (query <= s.rope.dims)
        return {Code::malformed, cat("metadata key '", h.full(key), "' is ", query, ", expected more than '",
                                     h.full("rope.dimension_count"), "', which is ", s.rope.dims)};
    l.plain = query - s.rope.dims;
    HEARTH_ASSIGN(const std::uint32_t stored, h.count("attention.key_length", kMaxHeadDim));
    if (split && stored != l.rank + s.rope.dims)
        return {Code::malformed, cat("metadata key '", h.full("attention.key_length"), "' is ", stored, ", expected ",
                                     l.rank + s.rope.dims, ", '", h.full("attention.kv_lora_rank"), "' and '",
                                     h.full("rope.dimension_count"), "' together")};
    return {};
}

// The multiplier takes the entropy correction out of the rotation and puts one of its own on all scores (DeepSeek-V2,
// section 3.1.4). Files have a tenth of it.
Status read_magnitude(const Hparams& h, DecoderSpec& s, bool plain_rotation) {
    s.attention_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(s.latent.plain + s.rope.dims)));
    if (!s.rope.yarn.on) return {};
    HEARTH_ASSIGN(const double multiplier, h.number("rope.scaling.yarn_log_multiplier", 0));
    HEARTH_ASSIGN(const double factor, h.number("rope.scaling.attn_factor", 1));
    const double log = det_log(s.rope.yarn.factor), correction = 1 + multiplier * log;
    if (!(correction > 0))
        return {Code::malformed, cat("metadata key '", h.full("rope.scaling.yarn_log_multiplier"), "' is ", multiplier,
                                     ", expected more than ", -1 / log)};
    const bool plain = plain_rotation && h.has("rope.scaling.yarn_log_multiplier");
    s.rope.magnitude = factor * (plain ? 1 : (1 + 0.1 * log) / correction);
    const double m = s.rope.magnitude * correction;
    s.attention_scale = static_cast<float>(m * m / std::sqrt(static_cast<double>(s.latent.plain + s.rope.dims)));
    return {};
}

Status read_temperature(const Hparams& h, DecoderSpec& s) {
    auto& t = s.query_temperature;
    HEARTH_ASSIGN(t.beta, h.number("attention.temperature_scale", 0));
    if (t.beta == 0) return {};
    HEARTH_ASSIGN(const double original,
                  h.number("rope.scaling.original_context_length", static_cast<double>(s.context)));
    HEARTH_ASSIGN(t.period, h.number("attention.temperature_length", original));
    if (t.period >= 1) return {};
    return {Code::malformed,
            cat("metadata key '", h.full("attention.temperature_length"), "' is ", t.period, ", expected 1 or more")};
}

Status read_indexer(const Hparams& h, DecoderSpec& s) {
    LatentSpec& l = s.latent;
    constexpr const char* kHeads = "attention.indexer.head_count";
    if (!h.has(kHeads)) return {};
    HEARTH_ASSIGN(l.index.heads, h.count(kHeads, kMaxIndexHeads));
    HEARTH_ASSIGN(l.index.dim, h.count("attention.indexer.key_length", kMaxHeadDim));
    HEARTH_ASSIGN(l.index.top, h.count("attention.indexer.top_k", kMaxIndexTop));
    if (l.query_rank == 0)
        return {Code::malformed,
                cat("metadata key '", h.full(kHeads), "' is ", l.index.heads, ", but '",
                    h.full("attention.q_lora_rank"), "', of which the indexer makes queries, is missing")};
    if (l.index.dim >= s.rope.dims) return {};
    return {Code::malformed, cat("metadata key '", h.full("attention.indexer.key_length"), "' is ", l.index.dim,
                                 ", expected at least '", h.full("rope.dimension_count"), "', which is ", s.rope.dims)};
}

Status read_experts(const Hparams& h, DecoderSpec& s) {
    const std::size_t layers = s.layers.size() + s.extra_layers;
    MoeSpec moe;
    // GLM 4.7 Flash, whose files do not say so.
    if (s.vocab == 154880 && (layers == 47 || layers == 48)) moe.gating = Gating::sigmoid;
    HEARTH_TRY(add_experts(h, s, moe));
    s.moe.groups_by_best = s.moe.gating == Gating::softmax;  // V2; V3 has sigmoids
    HEARTH_TRY(shared_experts(h, s.moe));
    return leading_dense_layers(h, s);
}

}  // namespace

Result<DecoderSpec> base_latent_spec(const Hparams& h, TensorFinder& tensors, bool plain_rotation) {
    HEARTH_ASSIGN([[maybe_unused]] const std::uint32_t rotated, h.count("rope.dimension_count", kMaxHeadDim));
    HEARTH_ASSIGN(DecoderSpec s, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_TRY(leave_predictors(h, s));
    HEARTH_ASSIGN(s.latent.rank, h.count("attention.kv_lora_rank", kMaxRank));
    s.latent.joint = tensors.exists("blk.0.attn_kv_b.weight");
    if (h.has("attention.q_lora_rank") && !tensors.exists("blk.0.attn_q.weight")) {
        HEARTH_ASSIGN(s.latent.query_rank, h.count("attention.q_lora_rank", kMaxRank));
    }
    HEARTH_TRY(read_head(h, s));
    HEARTH_TRY(read_magnitude(h, s, plain_rotation));
    HEARTH_TRY(read_temperature(h, s));
    HEARTH_TRY(read_experts(h, s));
    HEARTH_TRY(read_indexer(h, s));
    for (LayerSpec& layer : s.layers) {
        layer.mixer = MixerKind::latent;
        layer.kv_heads = 1;
        layer.key_dim = s.latent.rank + s.rope.dims + s.latent.index.dim;
        layer.value_dim = s.latent.rank;
    }
    return s;
}

}  // namespace hearth
