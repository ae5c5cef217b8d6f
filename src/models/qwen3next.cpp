// Qwen 3 Next and Qwen 3 Coder Next (80B-A3B): three layers of gated delta rule to one of gated attention, experts with
// a gated shared one. Each head of keys serves neighbouring heads of values.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_qwen3next(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gated_delta_spec(h, tensors, false));
    HEARTH_TRY(shared_gated_experts(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
