// Qwen 1.5, 2 and 2.5: llama's block with halves rotated and biases on q, k and v (found by their tensors).
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen2(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
