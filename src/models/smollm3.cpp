// SmolLM3: llama's block in which every fourth layer does not rotate (the period is not in the file).
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_smollm3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    for (std::uint32_t layer = 0; layer < spec.layers; ++layer) spec.layer_rotates.push_back((layer + 1) % 4 != 0);
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
