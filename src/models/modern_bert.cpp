// ModernBERT: norms before sub-layers, gated GELU, rotation; two of three layers see a window and turn with a base of
// their own. The first layer reads the normed embedding as it is.
#include "models/encoder_family.hpp"

namespace hearth {

namespace {

Result<Glu> read_activation(const Hparams& h) {
    const std::string key = h.full("hidden_activation");
    HEARTH_TRY(h.metadata().get_string(key).status());
    const MetaValue* const value = h.metadata().find(key);
    if (value == nullptr || std::get<std::string>(*value) == "gelu") return Glu::gelu_erf;
    if (std::get<std::string>(*value) == "silu") return Glu::silu;
    return Status(Code::unsupported,
                  cat("metadata key '", key, "' is '", std::get<std::string>(*value), "', expected gelu or silu"));
}

}  // namespace

Result<std::unique_ptr<Blueprint>> describe_modern_bert(const Hparams& h, TensorFinder& tensors) {
    HEARTH_ASSIGN(EncoderSpec spec, base_encoder_spec(h, tensors));
    spec.norm_bias = false;
    spec.pre_norm = true;
    spec.final_norm = "output_norm";
    spec.form = EncoderSpec::FeedForward::gate_in_up;
    HEARTH_ASSIGN(spec.glu, read_activation(h));
    HEARTH_TRY(encoder_rope(h, spec, RopeKind::halves, 160000));
    spec.local_rope = spec.rope;
    spec.local_rope.linear = 1;
    HEARTH_ASSIGN(spec.local_rope.base, h.number("rope.freq_base_swa", 10000));
    if (!(spec.local_rope.base > 1))
        return Status(Code::malformed, cat("metadata key '", h.full("rope.freq_base_swa"), "' is ",
                                           spec.local_rope.base, ", expected more than 1"));
    HEARTH_ASSIGN(const auto window, h.metadata().get_uint(h.full("attention.sliding_window")));
    if (window.value_or(0) != 0) {
        HEARTH_ASSIGN(const std::uint32_t size, h.count("attention.sliding_window", 1 << 24));
        HEARTH_ASSIGN(const std::uint32_t period, h.count("attention.sliding_window_pattern", UINT32_MAX, 3));
        for (std::size_t i = 0; i < spec.layers.size(); ++i) {
            if (i % period == 0) continue;
            spec.layers[i].window = size;
            spec.layers[i].rotation = Rotation::local;
        }
    }
    spec.layers[0].input_norm = false;
    spec.head.rank_pooling = Pooling::mean;
    spec.head.rank_activation = HeadActivation::gelu_erf;
    spec.head.rank_norm = true;
    return make_encoder(h, tensors, std::move(spec));
}

}  // namespace hearth
