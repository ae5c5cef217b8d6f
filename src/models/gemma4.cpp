// Gemma 4: Gemma 3's block with plain norm weights, scores that are not scaled, norms of values, local and global
// layers with head widths of their own, keys as values, keys and values shared by the last layers, a second embedding
// for every layer, an output scale, and experts beside the dense feed-forward: each where the file has it.
#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxHeadDim = 8192, kMaxLayerEmbedding = 8192;

// Local layers: their own head widths and rotation.
Status narrow_local_layers(const Hparams& h, DecoderSpec& spec) {
    HEARTH_ASSIGN(const std::uint32_t key_dim, h.count("attention.key_length_swa", kMaxHeadDim));
    HEARTH_ASSIGN(const std::uint32_t value_dim, h.count("attention.value_length_swa", kMaxHeadDim));
    HEARTH_ASSIGN(const std::uint32_t window, h.count("attention.sliding_window", UINT32_MAX));
    if (!h.has("attention.sliding_window_pattern"))
        return {Code::malformed, cat("metadata key '", h.full("attention.sliding_window_pattern"), "' is missing")};
    HEARTH_TRY(local_rope(h, spec, 10000));
    HEARTH_ASSIGN(spec.local_rope.dims, h.count("rope.dimension_count_swa", key_dim, key_dim));
    if (spec.local_rope.dims % 2 != 0)
        return {Code::malformed, cat("metadata key '", h.full("rope.dimension_count_swa"), "' is ",
                                     spec.local_rope.dims, ", expected an even number")};
    HEARTH_TRY(local_layers(h, spec, window, 1));
    for (LayerSpec& layer : spec.layers) {
        if (layer.window == 0) continue;
        layer.key_dim = key_dim;
        layer.value_dim = value_dim;
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_gemma4(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gemma_spec(h, tensors));
    HEARTH_TRY(norm_heads_unscaled(h, spec));
    spec.keys_as_values = true;
    spec.layer_scales = true;
    HEARTH_TRY(narrow_local_layers(h, spec));
    HEARTH_TRY(share_kv(h, spec));
    HEARTH_ASSIGN(const auto per_layer, h.metadata().get_uint(h.full("embedding_length_per_layer_input")));
    if (per_layer.value_or(0) != 0) {
        HEARTH_ASSIGN(spec.layer_embedding, h.count("embedding_length_per_layer_input", kMaxLayerEmbedding));
    }
    HEARTH_TRY(optional_experts(h, spec));
    spec.moe.glu = Glu::gelu;
    spec.experts_beside_dense = spec.moe.experts != 0;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
