// Phi-3, 3.5, 4 and 4-mini: fused q|k|v and gate|up, partial rotation of halves, LongRoPE factors chosen by the context
// of the session. The file names no rope scaling type: the factor tensors say it. The sliding window that some GGUF
// files carry without a pattern is not applied, as their converter means it; that of folders, which have one, is.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_phi3(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.gate_in_up = true;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
