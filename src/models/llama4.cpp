// Llama 4 (Scout, Maverick): three of four layers rotate and attend within chunks, the fourth sees everything without
// rotation, its queries scaled by their position; experts whose inputs are weighed, beside a shared one.
#include "models/family.hpp"

namespace hearth {

Result<std::unique_ptr<Blueprint>> describe_llama4(const Hparams& h, TensorFinder& tensors) {
    constexpr std::uint32_t kChunk = 8192;  // of files in GGUF, which do not say it, no more than the period of the layers
    HEARTH_ASSIGN(DecoderSpec spec, base_decoder_spec(h, tensors, RopeKind::adjacent));
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    if (window.value_or(kChunk) != 0) {  // 0: every layer rotates and sees everything
        if (window.value_or(kChunk) != kChunk)
            return Status(Code::unsupported, cat("metadata key '", h.full("attention.sliding_window"), "' is ", *window,
                                                 ", supported are 0 and ", kChunk));
        HEARTH_ASSIGN(const std::uint32_t chunk, h.count("attention.chunk_size", UINT32_MAX, kChunk));
        HEARTH_ASSIGN(const double beta, h.number("attention.temperature_scale", 0.1));
        HEARTH_ASSIGN(const std::uint32_t period, h.count("attention.temperature_length", UINT32_MAX, kChunk));
        spec.query_temperature = {beta, static_cast<double>(period), 1};
        for (std::size_t i = 0; i < spec.layers.size(); ++i) {
            LayerSpec& layer = spec.layers[i];
            layer.tempered = i % 4 == 3;
            if (i % 4 == 3)
                layer.rotation = Rotation::none;
            else
                layer.chunk = chunk;
        }
    }
    HEARTH_ASSIGN(const bool experts, has_experts(h));
    if (experts) {
        MoeSpec moe;
        moe.gating = Gating::sigmoid;
        moe.weigh_inputs = true;
        HEARTH_TRY(add_experts(h, spec, moe));
        if (spec.moe.shared_feed_forward == 0) spec.moe.shared_feed_forward = spec.moe.feed_forward;
        HEARTH_ASSIGN(const std::uint32_t step, h.count("interleave_moe_layer_step", UINT32_MAX));
        for (std::size_t i = 0; i < spec.layers.size(); ++i) spec.layers[i].experts = (i + 1) % step == 0;
    }
    // Only the model of 128 experts leaves them as they are; the file does not say so.
    if (spec.moe.experts != 128) spec.qk_norm = QkNorm::rotated_heads;
    return make_decoder(h, tensors, std::move(spec));
}

}  // namespace hearth
