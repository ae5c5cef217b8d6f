// An opened model, whatever its format: metadata by GGUF's keys and tensors by GGUF's names.
// Thread class: immutable after open, shareable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/formats/gguf_type.hpp"

namespace hearth {

// What keeps a file that was opened from running, beyond what its metadata and tensors show.
struct FileTroubles {
    Status architecture, key, tensor, tokenizer;
};

class ModelFile : public TensorSource {
public:
    virtual std::string_view format() const = 0;  // "GGUF"
    virtual std::uint32_t version() const = 0;    // of the format, 0 where it has none
    // The type of a key in the file, of the elements for an array; nullopt when the key is absent or the format has its
    // own types.
    virtual std::optional<GgufType> stored_type(std::string_view key) const = 0;
    virtual const std::string& name() const = 0;     // for messages
    virtual std::uint64_t file_bytes() const = 0;    // all parts

    const FileTroubles& troubles() const { return troubles_; }
    const Metadata& metadata() const { return metadata_; }
    // For who keeps the metadata longer than the file; leaves the file without.
    Metadata take_metadata() { return std::move(metadata_); }

protected:
    Metadata metadata_;
    FileTroubles troubles_;
};

}  // namespace hearth
