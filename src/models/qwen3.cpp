// Qwen 3: as Qwen 2 without biases, with an RMS norm on every query and key head.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.qk_norm = QkNorm::heads;
    spec.head.softmax = true;  // a reranker's scores are the logits of "yes" and "no"
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
