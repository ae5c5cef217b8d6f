// What a model file says of its tensors, whatever its format. Types are the numbers of GGUF's tensor types
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); codecs/codec.hpp gives them names and sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"

namespace hearth {

struct TensorInfo {
    std::string name;
    std::uint32_t type = 0;                     // codec id
    bool packed = false;                        // stored as panels of 16 rows of this type (models/packing.hpp)
    std::uint32_t dims = 0;                     // 1 to 4
    std::array<std::uint64_t, 4> shape{1, 1, 1, 1};  // GGUF order: shape[0] is contiguous ({in, out} for a matrix)
    std::uint64_t bytes = 0;                    // stored size, without padding
    std::uint32_t part = 0;                     // which file of a split model
    std::uint64_t offset = 0;                   // absolute, in that file

    std::uint64_t elements() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
    std::uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
};

// What a reader of files is told about packed tensors, which it does not know by itself.
struct PackedTypes {
    // Whether the panels of a file with this metadata and these tensors are the ones of this build; a file without
    // panels is fine. Asked first without tensors, whose sizes only a file of this build is sure to have right.
    Status (*check)(const Metadata& metadata, std::span<const TensorInfo> tensors);
    // Stored size; 0 when the type has no panels, or a file cannot hold as many.
    std::uint64_t (*bytes)(const TensorInfo& tensor);
};

// "{4096, 32}" for messages.
std::string shape_text(const TensorInfo& info);

// Tensors by name with their bytes. Shareable between threads.
class TensorSource {
public:
    virtual ~TensorSource() = default;
    virtual std::span<const TensorInfo> tensors() const = 0;
    virtual const TensorInfo* find(std::string_view name) const = 0;
    // The stored bytes, valid as long as the source; empty when the source cannot map memory (use read).
    virtual std::span<const std::byte> view(const TensorInfo& info) const = 0;
    // Whether views are of the source's own mapping, which needs no memory of the process and may be used for long.
    virtual bool maps() const = 0;
    // Copies dst.size() bytes from `offset` within the tensor.
    virtual Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const = 0;
    // The caller is done with `bytes` bytes from `offset` within the tensor; the source may give their pages back to the
    // system.
    virtual void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const = 0;
    void release(const TensorInfo& info) const { release(info, 0, info.bytes); }
};

}  // namespace hearth
