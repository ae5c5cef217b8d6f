// Writes GGUF files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), tensor by tensor: memory holds the
// header and one chunk of data, whatever the size of the model. Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/formats/gguf_type.hpp"

namespace hearth {

class ModelFile;

class GgufWriter {
public:
    struct Options {
        std::uint32_t version = 3;         // or 2
        std::size_t tensors_per_part = 0;  // more tensors make a split model; 0: one file, however many
    };
    // Takes the next bytes of a tensor, in order, in pieces of any length.
    using Emit = std::function<Status(std::span<const std::byte> bytes)>;
    // Emits the info.bytes bytes of the tensor. Called once in each write, in the order of the tensors.
    using Fill = std::function<Status(const TensorInfo& info, const Emit& emit)>;

    GgufWriter() = default;
    explicit GgufWriter(Options options) : options_(options) {}

    // Adds a key or replaces its value. `stored` is the type in the file, of the elements for an array; without it
    // integers and floats take 32 bits where they fit (all of an array) and 64 where not. The keys split.* are the
    // writer's own; general.alignment says how the data is aligned.
    Status set(std::string key, MetaValue value, std::optional<GgufType> stored = std::nullopt);
    // Every key of `file` with its type in the file, except split.*.
    Status set_all(const ModelFile& file);

    // shape: 1 to 4 dimensions in GGUF order, the contiguous one first.
    Status add_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape, Fill fill);
    // The bytes are borrowed until the last write.
    Status add_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape,
                      std::span<const std::byte> bytes);

    // A tensor of one of hearth's packed types, whose size the writer does not know.
    Status add_packed_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape,
                             std::uint64_t bytes, Fill fill);

    std::size_t parts() const;
    // Writes `path`, or for several parts "<path without .gguf>-00001-of-00003.gguf" and so on; gives the names.
    // The files take their names when all are complete; an error before that leaves nothing behind.
    Result<std::vector<std::string>> write(const std::string& path) const;
    // The files as bytes, one vector for each part.
    Result<std::vector<std::vector<std::byte>>> write_parts() const;

private:
    struct Value {
        GgufType type;
        MetaValue value;
    };
    struct Tensor {
        TensorInfo info;  // without its place
        Fill fill;
    };
    Status add(TensorInfo info, std::span<const std::uint64_t> shape, Fill fill);
    std::vector<std::byte> header(std::size_t part) const;
    std::uint64_t alignment() const;
    Status write_part(std::size_t part, const Emit& emit) const;
    std::span<const Tensor> tensors_of(std::size_t part) const;

    Options options_;
    std::map<std::string, Value, std::less<>> values_;
    std::vector<Tensor> tensors_;
    std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace hearth
