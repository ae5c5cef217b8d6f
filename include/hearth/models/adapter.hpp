// Adapters for the matrices of a loaded model: found, checked, loaded.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/layers/low_rank.hpp"
#include "hearth/models/model.hpp"

namespace hearth {

// A matrix of a loaded model, as adapters see it; its place among the others is Linear::id.
struct ModelMatrix {
    std::string name;
    std::array<std::uint64_t, 4> shape;  // as stored
    std::size_t split = 1;
    LoadContext::Matrix::Use use = LoadContext::Matrix::Use::products;
};

// The factors of a change, as low_rank.hpp has them, of the tensor `base`.
struct LowRankTensors {
    std::string base;
    const TensorInfo *a = nullptr, *b = nullptr;
    double scale = 1;  // alpha / rank
};
struct DirectionTensor {
    std::size_t layer;
    const TensorInfo* values;
};

struct AdapterContent {
    std::shared_ptr<const Adapter> adapter;
    std::size_t parts = 0;  // matrices that it changes, or layers that it adds to
    std::size_t rank = 0;   // the largest
    std::uint64_t bytes = 0;
    Hash128 digest;  // of what is computed, as it stands in memory
};

// Code::bad_state where a base is none of the matrices or the shapes are not for it.
Result<AdapterContent> load_low_rank(LoadContext& context, std::span<const ModelMatrix> matrices,
                                     std::span<const LowRankTensors> changes);
// Of layers [first, last].
Result<AdapterContent> load_directions(LoadContext& context, const ModelInfo& info,
                                       std::span<const DirectionTensor> directions, std::size_t first,
                                       std::size_t last);

}  // namespace hearth
