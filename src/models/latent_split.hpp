// Files of latent attention from before its matrices were split: one tensor {rank, heads * (plain + value)} whose rows
// are, for each head, those that make the plain channels of its keys and then those that make its values.
#pragma once

#include "hearth/base/tensor.hpp"
#include "hearth/models/decoder_spec.hpp"

namespace hearth {

// Shows it as what newer files have: for each head a matrix {plain, rank}, the first rows turned over, and a matrix
// {rank, value}. Keys that are stored as blocks are shown in F32, as blocks cannot be turned; nothing is rounded.
class LatentSplit final : public TensorSource {
public:
    static TensorInfo keys(const TensorInfo& joint, const LatentSpec& spec, std::uint32_t heads);
    static TensorInfo values(const TensorInfo& joint, const LatentSpec& spec, std::uint32_t heads);

    // Infos of the two functions above; all outlive the source.
    LatentSplit(const TensorSource& stored, const TensorInfo& joint, const TensorInfo& keys, const TensorInfo& values)
        : stored_(stored), joint_(joint), keys_(keys), values_(values) {}

    std::span<const TensorInfo> tensors() const override { return {}; }
    const TensorInfo* find(std::string_view) const override { return nullptr; }
    std::span<const std::byte> view(const TensorInfo&) const override { return {}; }
    bool maps() const override { return false; }
    // Of keys, whole elements.
    Status read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const override;
    using TensorSource::release;
    void release(const TensorInfo&, std::uint64_t, std::uint64_t) const override {}

private:
    Status read_keys(std::uint64_t offset, std::span<std::byte> dst) const;
    Status read_values(std::uint64_t offset, std::span<std::byte> dst) const;

    const TensorSource& stored_;
    const TensorInfo &joint_, &keys_, &values_;
};

}  // namespace hearth
