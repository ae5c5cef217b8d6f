// BERT, RoBERTa, XLM-R, DistilBERT and what shares their shape (BGE, E5, GTE, MiniLM): learned positions, norms after
// sub-layers, GELU. The converter has cut the positions that RoBERTa never uses.
#include "models/encoder_family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_bert(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors));
    spec.positions = true;
    spec.token_types = true;
    return make_encoder(h, tensors, std::move(spec));
}

}  // namespace hearth
