// Small models with random weights, in the tensor names and metadata keys of the dense families.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"
#include "hearth/formats/gguf_writer.hpp"

namespace tiny {

struct Shape {
    std::string arch = "llama";
    std::string type = "F32";  // of the matrices; norms and biases are F32
    std::uint64_t seed = 1;
    std::uint64_t layers = 2;
    std::uint64_t embd = 256;
    std::uint64_t heads = 4;
    std::uint64_t kv_heads = 2;
    std::uint64_t ffn = 512;
    std::uint64_t vocab = 512;
    std::uint64_t context = 512;
    bool merges = false;
};

const std::vector<std::string>& architectures();
const std::vector<std::string>& types();

// Adds metadata and tensors. The weights are drawn while the file is written, a few thousand at a time.
hearth::Status add_model(hearth::GgufWriter& writer, const Shape& shape);

}  // namespace tiny
