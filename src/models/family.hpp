// How a family describes itself. A decoder family is a function from metadata to DecoderSpec; a family with a forward of
// its own returns a Blueprint of its own. models.inc lists them.
#pragma once

#include "hearth/models/decoder_spec.hpp"
#include "models/reader.hpp"

namespace hearth {

// What every decoder family has in common: sizes, norm, scales, rope with its scalings, all under the usual keys.
// Sets rope.kind to `kind` and attention_scale to 1/sqrt(key_dim) unless the file says otherwise.
// A layer without heads of keys has the mixer `headless` in place of attention; where that is attention too, it is refused.
// width: the key of the feed-forwards'.
Result<DecoderSpec> base_decoder_spec(const Hparams& h, TensorFinder& tensors, RopeKind kind,
                                      MixerKind headless = MixerKind::attention,
                                      const char* width = "feed_forward_length");

// The same for a generation of Gemma: embeddings scaled by the root of their width, norms after attention and
// feed-forward as well as before, GELU gates.
Result<DecoderSpec> base_gemma_spec(const Hparams& h, TensorFinder& tensors);
// The 27B models of Gemma 2 and 3, told by their number of layers, scale scores by the width per head of the stream; the
// file does not say so.
void scale_scores_by_stream(const Hparams& h, DecoderSpec& spec, std::size_t layers);
// Gemma 3n and 4: norms of queries, keys and values, scores that are not scaled, capped logits.
Status norm_heads_unscaled(const Hparams& h, DecoderSpec& spec);

// Gated delta rules with some layers of gated attention, as since Qwen 3 Next; tiled: the order of heads of values.
Result<DecoderSpec> base_gated_delta_spec(const Hparams& h, TensorFinder& tensors, bool tiled);
// Sections of an interleaved rotation, each for a coordinate of its own: of text all are the position. Refuses those that
// leave pairs out.
Status text_sections(const Hparams& h, const DecoderSpec& spec);
// Experts with weights renormalised, and a shared one that has a gate of its own.
Status shared_gated_experts(const Hparams& h, DecoderSpec& spec);
// LFM2's layers, without experts.
Result<DecoderSpec> base_lfm2_spec(const Hparams& h, TensorFinder& tensors);
// Latent attention in every layer, and experts in all but the first. With plain_rotation a rotation whose file has a log
// multiplier leaves lengths as they are.
Result<DecoderSpec> base_latent_spec(const Hparams& h, TensorFinder& tensors, bool plain_rotation);

// Experts for every layer, as the file says. `defaults` holds what the family does where the file is silent; a
// feed-forward width of 0 in it means that an expert is as wide as the dense feed-forward.
Status add_experts(const Hparams& h, DecoderSpec& spec, MoeSpec defaults);
// The shared expert of files that give its width as a number of experts.
Status shared_experts(const Hparams& h, MoeSpec& moe);
// Layers without experts at the beginning.
Status leading_dense_layers(const Hparams& h, DecoderSpec& spec);
// Windows of local layers by attention.sliding_window_pattern: a period of which the last layer sees everything, or a
// flag for each layer. Local layers use local_rope where the spec has one. A window of 0 leaves all layers as they are.
Status local_layers(const Hparams& h, DecoderSpec& spec, std::size_t window, std::uint32_t period);
// A rotation of the same kind and width as the main one, with a base of its own and without scaling, for local layers.
Status local_rope(const Hparams& h, DecoderSpec& spec, double base);
// The last attention.shared_kv_layers layers read keys and values of the last local or global layer before them.
Status share_kv(const Hparams& h, DecoderSpec& spec);
// c of x = c tanh(x / c); 0: off.
Result<float> softcap(const Hparams& h, std::string_view key, double fallback);
// Layers at the end that predict further tokens are left alone.
Status leave_predictors(const Hparams& h, DecoderSpec& spec);
// For families that may be mixtures of experts, whose weights are renormalised then; or else.
Status optional_experts(const Hparams& h, DecoderSpec& spec);
Result<bool> has_experts(const Hparams& h);

Result<std::unique_ptr<Blueprint>> make_decoder(const Hparams& h, TensorFinder& tensors, DecoderSpec spec);

#define HEARTH_MODEL(name, function) \
    Result<std::unique_ptr<Blueprint>> function(const Hparams& h, TensorFinder& tensors);
#include "models/models.inc"
#undef HEARTH_MODEL

}  // namespace hearth
