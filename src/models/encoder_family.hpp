// How a family of encoders describes itself: a function from metadata to EncoderSpec; models.inc lists them.
#pragma once

#include "hearth/models/encoder_spec.hpp"
#include "models/family.hpp"

namespace hearth {

// What every encoder has in common: sizes, the norm's epsilon (under the key that `rms` asks for), layers all alike.
Result<EncoderSpec> base_encoder_spec(const Hparams& h, TensorFinder& tensors, bool rms = false);
// The rotation of whole heads under the usual keys.
Status encoder_rope(const Hparams& h, EncoderSpec& spec, RopeKind kind, double base = 10000);

Result<std::unique_ptr<Blueprint>> make_encoder(const Hparams& h, TensorFinder& tensors, EncoderSpec spec);

}  // namespace hearth
