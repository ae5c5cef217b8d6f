// What sentence-transformers stores beside a model: what is done with the states of tokens. modules.json lists the
// steps; where it is missing, 1_Pooling/config.json may stand alone. Brought to metadata, "{a}" being the architecture:
//   {a}.pooling_type                 as in GGUF
//   {a}.dense_2_activation, {a}.dense_3_activation    "none", "tanh" or "gelu", of the layers dense_2 and dense_3
//   embedding.hearth.normalize       vectors are meant to be divided by their length, by whoever asks for them
//   embedding.hearth.max_tokens      of a text, longer ones being cut
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/hf/config.hpp"
#include "formats/hf/tensors.hpp"
#include "formats/safetensors.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

// Adds the layers behind pooling to `tensors`, in order still, and the files that they are read from to `files`.
Status read_sentence_modules(const std::string& folder, const HfFamily& family, Metadata& metadata,
                             std::vector<std::unique_ptr<Safetensors>>& files, std::vector<HfTensor>& tensors);

}  // namespace hearth::formats
