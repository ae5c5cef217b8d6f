// Files of adapters, whatever their format, under GGUF's names of the tensors that they change:
//   low-rank changes   GGUF with general.type "adapter" and adapter.type "lora": `<tensor>.lora_a` {k, rank} and
//                      `<tensor>.lora_b` {rank, rows}, of a token embedding {rank, vocabulary} and {rank, width}
//                      (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "LoRA adapter"); or a folder as PEFT
//                      writes it, adapter_config.json and adapter_model.safetensors
//   control vectors    GGUF with general.architecture "controlvector": `direction.N` [width], added behind layer N, the
//                      layers counted from 0, of which the first never has one
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"

namespace hearth {

struct AdapterFile {
    enum class Kind : int { low_rank, directions };
    struct Change {
        std::string base;  // the tensor that it changes
        const TensorInfo *a = nullptr, *b = nullptr;
        double scale = 1;  // alpha / rank
    };
    struct Direction {
        std::size_t layer;
        const TensorInfo* values;
    };

    std::string name;  // for messages
    Kind kind = Kind::low_rank;
    std::string model;  // which architecture it is for, "" where the file does not say
    std::unique_ptr<TensorSource> source;
    std::vector<Change> changes;        // in the order of their names
    std::vector<Direction> directions;  // in the order of layers
};

// Any bytes: errors begin with the path. What an adapter in PEFT's names changes depends on the model, whose metadata
// are those that it was loaded with.
Result<AdapterFile> open_adapter(const std::string& path, const Metadata& model);

}  // namespace hearth
