// safetensors files (https://github.com/huggingface/safetensors#format), alone or as the shards of an index. Every
// length, offset and shape is checked against the file before it is used.
// Thread class: immutable after open, shareable.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/file.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

enum class SafeType : std::uint8_t {
    boolean, u8, i8, f8_e5m2, f8_e4m3, f8_e8m0, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64
};
std::size_t bytes_of(SafeType type);
std::string_view name_of(SafeType type);  // "BF16"

struct StoredTensor {
    std::string name;
    SafeType type = SafeType::u8;
    std::vector<std::uint64_t> shape;  // row-major: the last dimension is contiguous
    std::uint32_t part = 0;
    std::uint64_t offset = 0;  // absolute, in that part
    std::uint64_t bytes = 0;

    std::uint64_t elements() const { return bytes / bytes_of(type); }
};
// "[32, 64]" for messages.
std::string shape_text(const StoredTensor& tensor);

class Safetensors {
public:
    static Result<Safetensors> open(std::unique_ptr<ByteSource> file);
    // The shards that `index` (the text of model.safetensors.index.json, named so in messages) lists, each opened by its
    // name, which is a plain one.
    using OpenShard = std::function<Result<std::unique_ptr<ByteSource>>(const std::string& name)>;
    static Result<Safetensors> open(std::string_view index, std::string_view index_name, const OpenShard& open_shard);

    // In the order of their names.
    std::span<const StoredTensor> tensors() const { return tensors_; }
    const StoredTensor* find(std::string_view name) const;
    const ByteSource& part(const StoredTensor& tensor) const { return *parts_[tensor.part]; }
    std::uint64_t file_bytes() const;
    bool maps() const;

private:
    Status add(std::unique_ptr<ByteSource> file);
    Status sort();
    std::vector<std::unique_ptr<ByteSource>> parts_;
    std::vector<StoredTensor> tensors_;
};

}  // namespace hearth::formats
