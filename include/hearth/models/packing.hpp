// Packed model files: GGUF files whose matrices are stored as the panels that kernels read, so that a load is a
// mapping. Beside the keys of the model they have
//   hearth.pack.version  u32, the version of this scheme
//   hearth.pack.layouts  strings "Q4_K 0123456789abcdef": each packed type with the fingerprint of its panels
// and tensors of the types gguf_packed_types + type (formats/gguf_type.hpp), {k, rows, …} as before, stored as
// ceil(rows / 16) panels for each matrix of shape[2] x shape[3], aligned to 64 bytes.
// Which types are packed follows from the panel formats of the kernels; the fingerprint is that of panels packed from
// a fixed pattern, so that no layout can change unnoticed.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/layers/context.hpp"

namespace hearth {

inline constexpr std::uint64_t kPackVersion = 1;
inline constexpr const char* kPackVersionKey = "hearth.pack.version";
inline constexpr const char* kPackLayoutsKey = "hearth.pack.layouts";
inline constexpr std::uint64_t kPackAlignment = 64;

// For the readers of model files.
const PackedTypes& packed_types();

// Bytes that the tensor takes as panels; 0 when it stays as it is: a vector, a type without panels, a stack of
// matrices that do not fill theirs, or one that is taken apart while it is loaded.
std::uint64_t bytes_when_packed(const TensorInfo& info);
// Value of kPackLayoutsKey for tensors that will be packed.
std::vector<std::string> pack_layouts(std::span<const TensorInfo> tensors);

// Takes the bytes of a tensor in order, in pieces of any length.
using TensorSink = std::function<Status(std::span<const std::byte>)>;
// What a packed file has of a tensor: its panels, or its bytes where it stays as it is. In slices of some megabytes,
// each packed by all workers, after which its stored bytes are given back; progress is reported after each.
Status write_tensor(LoadContext& context, const TensorInfo& info, const TensorSink& sink);

}  // namespace hearth
