// Norms of a model: found, loaded.
#pragma once

#include <string>
#include <vector>

#include "hearth/layers/context.hpp"
#include "models/reader.hpp"

namespace hearth {

struct NormInfo {
    const TensorInfo *weight = nullptr, *bias = nullptr;
};

struct Norm {
    std::vector<float> weight, bias;  // either may be empty
};

// The tensors `name`.weight and, where wanted, .bias, both [width].
Result<NormInfo> find_norm(TensorFinder& tensors, const std::string& name, std::uint64_t width, bool bias);
Result<Norm> load_norm(LoadContext& context, const NormInfo& info);

}  // namespace hearth
