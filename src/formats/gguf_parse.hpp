// One GGUF file: its header, checked, without its tensors' bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hearth/base/file.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/formats/gguf_type.hpp"

namespace hearth::formats {

inline constexpr std::uint64_t gguf_longest_key = 65535;
inline constexpr std::uint64_t gguf_longest_tensor_name = 64;
inline constexpr std::uint64_t gguf_default_alignment = 32;
// The format asks for a multiple of 8; the upper bound keeps a hostile value from moving the data out of reach.
inline constexpr std::uint64_t gguf_least_alignment = 8;
inline constexpr std::uint64_t gguf_most_alignment = std::uint64_t{1} << 26;

struct GgufPart {
    std::uint32_t version = 0;
    Metadata metadata;
    std::map<std::string, GgufType, std::less<>> types;  // of each key in the file, of the elements for an array
    std::vector<TensorInfo> tensors;                     // in the order of the file, offsets absolute
    Status unknown;                                      // of the first tensor of an unknown type; such are left out
};

// Messages begin with the source's name. `part` is the number put into the tensors.
Result<GgufPart> parse_gguf(const ByteSource& source, std::uint32_t part, const PackedTypes* packed = nullptr);

// Names are quoted in messages on every floor, so they are held to be readable here, once.
Status check_name(const std::string& name, const std::string& what, Code code);

// Stored bytes of a tensor with this type and shape; messages begin with the tensor's name.
Result<std::uint64_t> tensor_bytes(const TensorInfo& info, const PackedTypes* packed = nullptr);

// True for a power of two within the bounds above.
bool good_alignment(std::uint64_t alignment);

}  // namespace hearth::formats
