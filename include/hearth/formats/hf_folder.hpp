// A folder as Hugging Face's libraries write it: config.json, model.safetensors or the shards of
// model.safetensors.index.json, and beside them tokenizer.json, tokenizer_config.json, generation_config.json and
// chat_template.jinja (or .json, and additional_chat_templates/). Its config, names and layouts are brought to those of GGUF files (src/formats/hf/families.inc).
// Thread class: immutable after open, shareable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/formats/model_file.hpp"

namespace hearth {

class HfFolder final : public ModelFile {
public:
    static bool is_folder(const std::string& path);
    // Fails where there is no config.json or no weights, or they cannot be read; what cannot run is told by troubles().
    static Result<std::unique_ptr<HfFolder>> open_path(const std::string& path);
    ~HfFolder() override;

    std::string_view format() const override { return "safetensors"; }
    std::uint32_t version() const override { return 0; }
    std::optional<GgufType> stored_type(std::string_view) const override { return std::nullopt; }
    const std::string& name() const override { return name_; }
    std::uint64_t file_bytes() const override;  // of the weights

    std::span<const TensorInfo> tensors() const override { return infos_; }
    const TensorInfo* find(std::string_view name) const override;
    std::span<const std::byte> view(const TensorInfo& info) const override;
    bool maps() const override;
    Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const override;
    using TensorSource::release;
    void release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const override;

private:
    struct Weights;
    explicit HfFolder(std::string name);
    std::string name_;
    std::unique_ptr<Weights> weights_;
    std::vector<TensorInfo> infos_;  // in the order of their names; `offset` is the place in weights_
};

}  // namespace hearth
