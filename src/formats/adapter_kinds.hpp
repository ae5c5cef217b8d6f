// Readers of adapters in formats of their own.
#pragma once

#include "hearth/formats/adapter_file.hpp"

namespace hearth::formats {

// A folder of PEFT's, or its adapter_model.safetensors with adapter_config.json beside it.
Result<AdapterFile> open_peft(const std::string& path, const Metadata& model);

}  // namespace hearth::formats
