// SmolLM3: llama's block in which every fourth layer does not rotate (the period is not in the file).
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_smollm3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    for (std::size_t layer = 3; layer < spec.layers.size(); layer += 4) spec.layers[layer].rotation = Rotation::none;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
