// Key-value metadata of a model file. Keys and meanings are those of GGUF; other formats translate to them.
// Thread class: immutable after it is built, shareable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth {

// Integers are widened to 64 bits, floats to double; arrays are homogeneous.
using MetaValue = std::variant<bool, std::uint64_t, std::int64_t, double, std::string, std::vector<bool>,
                               std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<std::string>>;

class Metadata {
public:
    // False when the key is already there.
    bool insert(std::string key, MetaValue value) { return values_.emplace(std::move(key), std::move(value)).second; }
    const MetaValue* find(std::string_view key) const;
    const std::map<std::string, MetaValue, std::less<>>& values() const { return values_; }

    // nullopt when the key is absent; an error that names key and type when the value is of another kind or does
    // not fit. Integers convert when they fit, a bool never converts to a number.
    Result<std::optional<std::uint64_t>> get_uint(std::string_view key) const;
    Result<std::optional<std::int64_t>> get_int(std::string_view key) const;
    Result<std::optional<double>> get_float(std::string_view key) const;
    Result<std::optional<bool>> get_bool(std::string_view key) const;
    Result<std::optional<std::string>> get_string(std::string_view key) const;
    // A scalar counts as an array of `scalar_count` equal entries (many GGUF keys are a scalar or one per layer).
    Result<std::optional<std::vector<std::uint64_t>>> get_uints(std::string_view key, std::size_t scalar_count = 1) const;
    Result<std::optional<std::vector<double>>> get_floats(std::string_view key, std::size_t scalar_count = 1) const;
    // Borrowed; null when absent.
    Result<const std::vector<std::string>*> get_strings(std::string_view key) const;

private:
    std::map<std::string, MetaValue, std::less<>> values_;
};

}  // namespace hearth
