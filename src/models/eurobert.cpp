// Encoders of a decoder's build, seeing both ways: RMS norms before sub-layers, rotation, SwiGLU. EuroBERT (also Jina
// Embeddings 5 nano) and NeoBERT, whose rotation turns adjacent pairs.
#include "models/encoder_family.hpp"

namespace hearth {

namespace {

Result<EncoderSpec> modern_spec(const Hparams& h, TensorFinder& tensors, RopeKind kind) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors, true));
    spec.pre_norm = true;
    spec.embedding_norm = false;
    spec.glu = Glu::silu;
    HEARTH_TRY(encoder_rope(h, spec, kind));
    return spec;
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_eurobert(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, modern_spec(h, tensors, RopeKind::halves));
    spec.final_norm = "output_norm";
    spec.form = EncoderSpec::FeedForward::gated;
    return make_encoder(h, tensors, std::move(spec));
}

Result<std::unique_ptr<Blueprint>> describe_neo_bert(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, modern_spec(h, tensors, RopeKind::adjacent));
    spec.final_norm = "enc.output_norm";
    spec.form = EncoderSpec::FeedForward::gate_in_up;
    return make_encoder(h, tensors, std::move(spec));
}

}  // namespace hearth
