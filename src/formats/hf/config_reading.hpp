// What the parts that read a config.json share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "formats/hf/config.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

struct HfReading {
    JsonValue config;  // of the text model, where a class has several
    const HfFamily& family;
    Metadata& metadata;
    HfConfig& out;

    // "a.b" is b in a.
    JsonValue at(std::string_view path) const {
        const std::size_t dot = path.find('.');
        return dot == std::string_view::npos ? config[path] : config[path.substr(0, dot)][path.substr(dot + 1)];
    }
    // The first that is told stays.
    void set(std::string_view key, MetaValue value) const {
        // The precision of GGUF's keys, so that both give the same bits.
        if (auto* number = std::get_if<double>(&value)) *number = static_cast<double>(static_cast<float>(*number));
        metadata.insert(cat(family.architecture, ".", key), std::move(value));
    }
    bool has(std::string_view key) const { return metadata.find(cat(family.architecture, ".", key)) != nullptr; }
    Result<std::uint64_t> count_of(std::string_view key, std::uint64_t fallback) const {
        auto v = metadata.get_uint(cat(family.architecture, ".", key));
        if (!v.ok()) return std::move(v).status().in("config.json");
        return v->value_or(fallback);
    }
};

// What a class takes where its config is silent.
std::optional<double> hf_default(const HfFamily& family, std::string_view key);

// Rotation: "rope_theta" and "rope_scaling", or both in "rope_parameters".
Status read_rope(const HfReading& r);
// What of an architecture is more than a key for a key; before the keys are read.
Status read_special(const HfReading& r);

template <class... Parts>
Status hf_wrong(const Parts&... parts) {
    return {Code::malformed, cat("config.json: ", parts...)};
}
template <class... Parts>
Status hf_unsupported(const Parts&... parts) {
    return {Code::unsupported, cat("config.json: ", parts...)};
}

inline Result<double> hf_number(JsonValue of, std::string_view where, std::string_view key) {
    const auto value = of[key].number();
    if (!value) return hf_wrong("'", where, key, "' is ", of[key].kind_name(), ", expected a number");
    return *value;
}

}  // namespace hearth::formats
