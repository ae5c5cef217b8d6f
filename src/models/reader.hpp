// What a family's file reads from: metadata under the architecture's prefix, and tensors that must have the right shape.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/cat.hpp"
#include "hearth/base/metadata.hpp"
#include "hearth/base/tensor.hpp"
#include "hearth/models/model.hpp"

namespace hearth {

// "{architecture}.{key}" lookups. A key of the wrong kind is an error; required ones must be there.
class Hparams {
public:
    Hparams(const Metadata& metadata, std::string architecture)
        : metadata_(metadata), architecture_(std::move(architecture)) {}

    const std::string& architecture() const { return architecture_; }
    const Metadata& metadata() const { return metadata_; }
    std::string full(std::string_view key) const { return cat(architecture_, ".", key); }
    bool has(std::string_view key) const { return metadata_.find(full(key)) != nullptr; }

    // Within 1 … limit; an error names key, value and bounds.
    Result<std::uint32_t> count(std::string_view key, std::uint64_t limit) const;
    Result<std::uint32_t> count(std::string_view key, std::uint64_t limit, std::uint32_t fallback) const;
    // One for each of n layers, from `least` on; a file may give one for all. Required when the fallback is 0.
    Result<std::vector<std::uint32_t>> counts(std::string_view key, std::uint64_t limit, std::size_t n,
                                              std::uint32_t fallback, std::uint32_t least = 1) const;
    Result<double> number(std::string_view key, double fallback) const;
    Result<double> number(std::string_view key) const;
    Result<bool> flag(std::string_view key, bool fallback) const;
    Result<std::string> text(std::string_view key, std::string_view fallback) const;

private:
    const Metadata& metadata_;
    std::string architecture_;
};

// A matrix {k, rows}, or a stack of them, with its optional bias {rows …} and output scale (NVFP4 files: one for each
// matrix), as the file has them; null when absent.
struct MatrixInfo {
    const TensorInfo* weight = nullptr;
    const TensorInfo* bias = nullptr;
    const TensorInfo* scale = nullptr;
};

// Hands out tensors after checking their shape, and remembers which were asked for.
class TensorFinder {
public:
    explicit TensorFinder(const TensorSource& source) : source_(source) {}
    // Error when missing or of another shape (GGUF order).
    Result<const TensorInfo*> need(const std::string& name, std::initializer_list<std::uint64_t> shape);
    // Null when missing.
    Result<const TensorInfo*> want(const std::string& name, std::initializer_list<std::uint64_t> shape);
    // name + ".weight" of the given shape, which must be there, with what belongs to it.
    Result<MatrixInfo> matrix(const std::string& name, std::initializer_list<std::uint64_t> shape);
    // Bias and scale of a matrix of that shape.
    Status extras(MatrixInfo& m, const std::string& name, std::initializer_list<std::uint64_t> shape);
    const TensorSource& source() const { return source_; }
    bool exists(const std::string& name) const { return source_.find(name) != nullptr; }
    // A tensor that this family knows and leaves alone.
    void ignore(const std::string& name) { used_.insert(name); }
    void ignore_prefix(std::string_view prefix);
    // Error when the file has tensors, of those with the prefix, that nobody asked for: computing without them would be
    // silently wrong.
    Status all_used(std::string_view prefix = {}) const;

private:
    const TensorSource& source_;
    std::set<std::string, std::less<>> used_;
};

}  // namespace hearth
