// An adapter in memory, for one model: low-rank changes of its matrices, or directions that are added to its stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "hearth/engine/engine.hpp"
#include "hearth/formats/adapter_file.hpp"
#include "hearth/models/adapter.hpp"

namespace hearth {

struct AdapterOptions {
    std::size_t first_layer = 0, last_layer = SIZE_MAX;  // whose directions count
};

// Immutable; shareable.
class LoadedAdapter {
public:
    // Checked against the model: every tensor must have its place there, and the shape for it.
    static Result<std::shared_ptr<const LoadedAdapter>> load(std::shared_ptr<LoadedModel> model,
                                                             const std::string& path, const AdapterOptions& options);

    const std::shared_ptr<LoadedModel>& model() const { return model_; }
    const AdapterContent& content() const { return content_; }
    const std::string& name() const { return name_; }  // the path
    AdapterFile::Kind kind() const { return kind_; }

private:
    std::shared_ptr<LoadedModel> model_;
    AdapterContent content_;
    std::string name_;
    AdapterFile::Kind kind_ = AdapterFile::Kind::low_rank;
};

// Those of them whose scale is not 0; null where there is none.
std::shared_ptr<const AdapterSet> make_set(std::span<const AttachedAdapter> attached);

}  // namespace hearth
