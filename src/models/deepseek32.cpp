// DeepSeek V3.2: V3 with an indexer that chooses the keys which a query sees.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_deepseek32(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN([[maybe_unused]] const std::uint32_t heads, h.count("attention.indexer.head_count", UINT32_MAX));
    HEARTH_ASSIGN(DecoderSpec spec, base_latent_spec(h, tensors, false));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
