// Jina Embeddings 2 (ALiBi instead of positions, perhaps norms of queries and keys, gated GELU as the file has it) and
// 3 (XLM-R with rotation; its task adapters are files of their own).
#include "models/encoder_family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_jina_bert_v2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors));
    spec.token_types = true;
    spec.optional_norms = true;
    HEARTH_ASSIGN(spec.alibi, h.number("attention.max_alibi_bias", 8));
    if (!(spec.alibi > 0 && spec.alibi <= 64))
        return Status(Code::malformed, cat("metadata key '", h.full("attention.max_alibi_bias"), "' is ", spec.alibi,
                                           ", expected more than 0, at most 64"));
    const TensorInfo* const up = tensors.source().find("blk.0.ffn_up.weight");
    if (tensors.exists("blk.0.ffn_gate.weight"))
        spec.form = EncoderSpec::FeedForward::gated;
    else if (up != nullptr && up->shape[1] == 2 * std::uint64_t{spec.feed_forward})
        spec.form = EncoderSpec::FeedForward::gate_in_up;
    return make_encoder(h, tensors, std::move(spec));
}

Result<std::unique_ptr<Blueprint>> describe_jina_bert_v3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors));
    spec.token_types = true;
    HEARTH_TRY(encoder_rope(h, spec, RopeKind::halves));
    return make_encoder(h, tensors, std::move(spec));
}

}  // namespace hearth
