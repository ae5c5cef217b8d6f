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

#include "hearth/base/status.hpp"

namespace hearth {

struct TensorInfo {
    std::string name;
    std::uint32_t type = 0;                     // codec id
    std::uint32_t dims = 0;                     // 1 to 4
    std::array<std::uint64_t, 4> shape{1, 1, 1, 1};  // GGUF order: shape[0] is contiguous ({in, out} for a matrix)
    std::uint64_t bytes = 0;                    // stored size, without padding
    std::uint32_t part = 0;                     // which file of a split model
    std::uint64_t offset = 0;                   // absolute, in that file

    std::uint64_t elements() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
    std::uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
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
    // Copies dst.size() bytes from `offset` within the tensor.
    virtual Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const = 0;
    // The caller is done with `bytes` bytes from `offset` within the tensor; the source may give their pages back to the
    // system.
    virtual void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const = 0;
    void release(const TensorInfo& info) const { release(info, 0, info.bytes); }
};

}  // namespace hearth
