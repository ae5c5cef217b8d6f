// Gemma 3n (E2B, E4B): several residual streams, a low-rank path beside attention, a second embedding for every layer,
// sparse gates in the first layers, keys and values shared by the last ones. Norm weights are plain.
#include "models/family.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMaxLayerEmbedding = 8192, kMaxStreams = 16, kMaxLaurel = 8192;
constexpr std::uint32_t kLaurel = 64;  // of files in GGUF, which do not say it, no more than the layers that are sparse

// Deviations from the mean at which gates begin, one for each layer; -infinity: those of the layer are not sparse.
Status sparse_gates(const Hparams& h, DecoderSpec& spec) {
    constexpr const char* kScale = "activation_sparsity_scale";
    constexpr std::size_t kSparseLayers = 10;
    constexpr double kDeviations = 1.6448535919189453;  // of a normal distribution, 95 of 100 are below
    HEARTH_ASSIGN(const auto scales, h.metadata().get_floats(h.full(kScale)));
    if (scales && scales->size() != spec.layers.size())
        return {Code::malformed, cat("metadata key '", h.full(kScale), "' is an array of ", scales->size(),
                                     " values, expected one for each of ", spec.layers.size(), " layers")};
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        const double scale = scales ? (*scales)[i] : i < kSparseLayers ? kDeviations : -1e30;
        if (!(scale < 1e30))
            return {Code::malformed,
                    cat("metadata key '", h.full(kScale), "' has ", scale, " for layer ", i, ", expected a number")};
        if (scale <= -1e30) continue;
        if (spec.layers[i].feed_forward < 2)
            return {Code::malformed,
                    cat("metadata key '", h.full("feed_forward_length"), "' is 1, of which there is no deviation")};
        spec.layers[i].sparse_gate = scale;
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_gemma3n(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(DecoderSpec spec, base_gemma_spec(h, tensors));
    HEARTH_TRY(norm_heads_unscaled(h, spec));
    HEARTH_ASSIGN(spec.laurel, h.count("laurel.rank", kMaxLaurel, kLaurel));
    HEARTH_ASSIGN(spec.layer_embedding, h.count("embedding_length_per_layer_input", kMaxLayerEmbedding, 256));
    HEARTH_ASSIGN(spec.streams, h.count("altup.num_inputs", kMaxStreams, 4));
    if (spec.streams == 1)
        return Status(Code::malformed,
                      cat("metadata key '", h.full("altup.num_inputs"), "' is 1, expected 2 to ", kMaxStreams));
    HEARTH_ASSIGN(const auto active, h.metadata().get_uint(h.full("altup.active_idx")));
    if (active.value_or(0) != 0)
        return Status(Code::unsupported,
                      cat("metadata key '", h.full("altup.active_idx"), "' is ", *active, ", supported is 0"));
    HEARTH_ASSIGN(const std::uint32_t window, h.count("attention.sliding_window", UINT32_MAX));
    HEARTH_TRY(local_rope(h, spec, 10000));
    HEARTH_TRY(local_layers(h, spec, window, 5));
    HEARTH_TRY(share_kv(h, spec));
    HEARTH_TRY(sparse_gates(h, spec));
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
