#include "hearth/base/metadata.hpp"

#include "hearth/base/cat.hpp"
#include "hearth/base/tensor.hpp"

namespace hearth {

namespace {

const char* kind_name(const MetaValue& v) {
    static constexpr const char* names[] = {"a bool",          "an unsigned integer",           "an integer",
                                            "a float",         "a string",                      "an array of bools",
                                            "an array of unsigned integers", "an array of integers", "an array of floats",
                                            "an array of strings"};
    return names[v.index()];
}

Status wrong_kind(std::string_view key, const MetaValue& v, const char* expected) {
    return {Code::malformed, cat("metadata key '", key, "' is ", kind_name(v), ", expected ", expected)};
}

template <class T, class Convert>
Result<std::optional<T>> get(const MetaValue* v, std::string_view key, const char* expected, Convert convert) {
    if (v == nullptr) return std::optional<T>();
    std::optional<T> out = convert(*v);
    if (!out) return wrong_kind(key, *v, expected);
    return out;
}

std::optional<double> as_double(const MetaValue& v) {
    if (const auto* d = std::get_if<double>(&v)) return *d;
    if (const auto* u = std::get_if<std::uint64_t>(&v)) return static_cast<double>(*u);
    if (const auto* i = std::get_if<std::int64_t>(&v)) return static_cast<double>(*i);
    return std::nullopt;
}

std::optional<std::uint64_t> as_uint(const MetaValue& v) {
    if (const auto* u = std::get_if<std::uint64_t>(&v)) return *u;
    if (const auto* i = std::get_if<std::int64_t>(&v); i != nullptr && *i >= 0) return static_cast<std::uint64_t>(*i);
    return std::nullopt;
}

}  // namespace

std::string shape_text(const TensorInfo& info) {
    std::string out = "{";
    for (std::uint32_t i = 0; i < info.dims; ++i) out += cat(i ? ", " : "", info.shape[i]);
    return out + "}";
}

const MetaValue* Metadata::find(std::string_view key) const {
    auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
}

Result<std::optional<std::uint64_t>> Metadata::get_uint(std::string_view key) const {
    return get<std::uint64_t>(find(key), key, "an unsigned integer", as_uint);
}

Result<std::optional<std::int64_t>> Metadata::get_int(std::string_view key) const {
    return get<std::int64_t>(find(key), key, "an integer", [](const MetaValue& v) -> std::optional<std::int64_t> {
        if (const auto* i = std::get_if<std::int64_t>(&v)) return *i;
        if (const auto* u = std::get_if<std::uint64_t>(&v); u != nullptr && *u <= INT64_MAX) return static_cast<std::int64_t>(*u);
        return std::nullopt;
    });
}

Result<std::optional<double>> Metadata::get_float(std::string_view key) const {
    return get<double>(find(key), key, "a number", as_double);
}

Result<std::optional<bool>> Metadata::get_bool(std::string_view key) const {
    return get<bool>(find(key), key, "a bool", [](const MetaValue& v) -> std::optional<bool> {
        if (const auto* b = std::get_if<bool>(&v)) return *b;
        return std::nullopt;
    });
}

Result<std::optional<std::string>> Metadata::get_string(std::string_view key) const {
    return get<std::string>(find(key), key, "a string", [](const MetaValue& v) -> std::optional<std::string> {
        if (const auto* s = std::get_if<std::string>(&v)) return *s;
        return std::nullopt;
    });
}

Result<std::optional<std::vector<std::uint64_t>>> Metadata::get_uints(std::string_view key, std::size_t scalar_count) const {
    using List = std::vector<std::uint64_t>;
    return get<List>(find(key), key, "unsigned integers", [&](const MetaValue& v) -> std::optional<List> {
        if (auto one = as_uint(v)) return List(scalar_count, *one);
        if (const auto* u = std::get_if<List>(&v)) return *u;
        if (const auto* b = std::get_if<std::vector<bool>>(&v)) return List(b->begin(), b->end());
        if (const auto* i = std::get_if<std::vector<std::int64_t>>(&v)) {
            List out;
            for (std::int64_t x : *i) {
                if (x < 0) return std::nullopt;
                out.push_back(static_cast<std::uint64_t>(x));
            }
            return out;
        }
        return std::nullopt;
    });
}

Result<std::optional<std::vector<double>>> Metadata::get_floats(std::string_view key, std::size_t scalar_count) const {
    using List = std::vector<double>;
    return get<List>(find(key), key, "numbers", [&](const MetaValue& v) -> std::optional<List> {
        if (auto one = as_double(v)) return List(scalar_count, *one);
        if (const auto* d = std::get_if<List>(&v)) return *d;
        if (const auto* u = std::get_if<std::vector<std::uint64_t>>(&v)) return List(u->begin(), u->end());
        if (const auto* i = std::get_if<std::vector<std::int64_t>>(&v)) return List(i->begin(), i->end());
        return std::nullopt;
    });
}

Result<const std::vector<std::string>*> Metadata::get_strings(std::string_view key) const {
    const MetaValue* v = find(key);
    const std::vector<std::string>* out = nullptr;
    if (v == nullptr) return out;
    out = std::get_if<std::vector<std::string>>(v);
    if (out == nullptr) return wrong_kind(key, *v, "an array of strings");
    return out;
}

}  // namespace hearth
