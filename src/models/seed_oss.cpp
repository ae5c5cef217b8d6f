// Seed-OSS: as Qwen 2, heads as wide as the file says; the norm before the feed-forward has the name that other families
// give to one behind attention.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_seed_oss(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::halves));
    spec.ffn_norm = "post_attention_norm";
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
