// GGUF versions 2 and 3, little-endian, single or split (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
// Every length and offset is checked against the file before it is used; a hostile file costs an error sentence.
// Thread class: immutable after open, shareable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/file.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/formats/gguf_type.hpp"
#include "hearth/formats/model_file.hpp"

namespace hearth {

class Gguf final : public ModelFile {
public:
    // `first` is the file, or part 1 of a split model, whose other parts `open_part` opens by number (0-based) and
    // count. Null open_part: a split model is refused with a sentence that says how many parts it has.
    // Tensors of hearth's packed types are refused unless `packed` says what they are.
    using OpenPart = std::function<Result<std::unique_ptr<ByteSource>>(std::size_t part, std::size_t count)>;
    static Result<std::unique_ptr<Gguf>> open(std::unique_ptr<ByteSource> first, OpenPart open_part = nullptr,
                                               const PackedTypes* packed = nullptr);
    // Parts of "name-00001-of-00003.gguf" are found beside it; any part may be named.
    static Result<std::unique_ptr<Gguf>> open_path(const std::string& path, const PackedTypes* packed = nullptr);

    std::string_view format() const override { return "GGUF"; }
    std::uint32_t version() const override { return version_; }
    std::optional<GgufType> stored_type(std::string_view key) const override;
    const std::string& name() const override;     // of the first source
    std::uint64_t file_bytes() const override;

    std::span<const TensorInfo> tensors() const override { return tensors_; }
    const TensorInfo* find(std::string_view name) const override;
    std::span<const std::byte> view(const TensorInfo& info) const override;
    bool maps() const override;
    Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const override;
    using TensorSource::release;
    void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const override;

private:
    Gguf() = default;
    std::uint32_t version_ = 0;
    std::map<std::string, GgufType, std::less<>> types_;
    std::vector<std::unique_ptr<ByteSource>> parts_;
    std::vector<TensorInfo> tensors_;
    std::vector<std::size_t> by_name_;  // indices into tensors_ in the order of their names: no hash for a file to attack
};

}  // namespace hearth
