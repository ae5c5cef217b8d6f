// The tensors of a folder under hearth's names.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "formats/hf/config.hpp"
#include "formats/hf/rows.hpp"
#include "hearth/base/tensor.hpp"

namespace hearth::formats {

struct HfTensor {
    TensorInfo info;
    RowsPtr rows;
};
// shape: row-major
HfTensor make_tensor(std::string name, const std::vector<std::uint64_t>& shape, RowsPtr rows);

// In the order of their names. `files` must outlive them. The error is of a tensor that has no place, or whose shape or
// type is not one for its place; `out` has what was found before it. What is wrong with predictors of further tokens, which
// nobody may ask for, is left out.
Status place_tensors(const Safetensors& files, const HfConfig& config, std::vector<HfTensor>& out);
// Layers of them behind the first `layers` that predict further tokens.
std::uint64_t hf_predictors(std::span<const HfTensor> tensors, std::uint64_t layers);
// The weight of a module, or a matrix of any other width whose rows belong to those of the weight, in the order that its
// place has here: one tensor, or two. Not of a stack of experts.
Status place_matrix(const Safetensors& files, const HfConfig& config, const HfPlace& place, std::string_view module,
                    HfMatrix matrix, std::vector<HfTensor>& out);

}  // namespace hearth::formats
