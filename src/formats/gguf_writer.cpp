#include "hearth/formats/gguf_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "formats/gguf_parse.hpp"
#include "formats/quote.hpp"
#include "formats/split_name.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/base/file_writer.hpp"
#include "hearth/formats/model_file.hpp"

namespace hearth {

using formats::quote;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::string_view alignment_key = "general.alignment";

template <class T>
void put(Bytes& out, T number) {
    // Not insert: GCC 12 at -O3 warns of an overflow in its own vector for one-byte numbers.
    for (const std::byte b : std::as_bytes(std::span<const T, 1>(&number, 1))) out.push_back(b);
}

void put_string(Bytes& out, std::string_view text) {
    put(out, static_cast<std::uint64_t>(text.size()));
    const auto bytes = std::as_bytes(std::span(text));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

constexpr std::uint64_t padded(std::uint64_t bytes, std::uint64_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

// Calls visit(element) for a scalar or for each element of an array.
template <class Visit>
void each(const MetaValue& value, Visit visit) {
    std::visit(
        [&](const auto& v) {
            using V = std::decay_t<decltype(v)>;
            if constexpr (is_vector<V>) {
                for (std::size_t i = 0; i < v.size(); ++i) visit(static_cast<const typename V::value_type&>(v[i]));
            } else {
                visit(v);
            }
        },
        value);
}

bool is_array(const MetaValue& value) {
    return std::visit([](const auto& v) { return is_vector<std::decay_t<decltype(v)>>; }, value);
}

// Calls visit with a value of the type in the file; nothing for string and array.
template <class Visit>
void with_number_type(GgufType type, Visit visit) {
    switch (type) {
        case GgufType::u8:
            return visit(std::uint8_t{});
        case GgufType::i8:
            return visit(std::int8_t{});
        case GgufType::u16:
            return visit(std::uint16_t{});
        case GgufType::i16:
            return visit(std::int16_t{});
        case GgufType::u32:
            return visit(std::uint32_t{});
        case GgufType::i32:
            return visit(std::int32_t{});
        case GgufType::f32:
            return visit(float{});
        case GgufType::boolean:
            return visit(bool{});
        case GgufType::u64:
            return visit(std::uint64_t{});
        case GgufType::i64:
            return visit(std::int64_t{});
        case GgufType::f64:
            return visit(double{});
        case GgufType::string:
        case GgufType::array:
            break;
    }
}

// Whether an element can be stored as T without change; a float may be rounded, but not to infinity.
template <class T, class Element>
bool fits(const Element& element) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<Element, bool>) {
        return std::is_same_v<T, Element>;
    } else if constexpr (std::is_integral_v<T> && std::is_integral_v<Element>) {
        return std::in_range<T>(element);
    } else if constexpr (std::is_floating_point_v<T> && std::is_floating_point_v<Element>) {
        // NaN and infinity are kept as they are.
        return !(std::abs(element) <= std::numeric_limits<double>::max()) ||
               std::abs(element) <= static_cast<double>(std::numeric_limits<T>::max());
    } else {
        return false;
    }
}

bool all_fit(const MetaValue& value, GgufType type) {
    bool good = type == GgufType::string;
    each(value, [&](const auto& v) { good = good && std::is_same_v<std::decay_t<decltype(v)>, std::string>; });
    with_number_type(type, [&](auto stored) {
        good = true;
        each(value, [&](const auto& v) { good = good && fits<decltype(stored)>(v); });
    });
    return good;
}

// The type of a value for which none is asked.
GgufType usual_type(const MetaValue& value) {
    const auto narrow_or = [&](GgufType narrow, GgufType wide) { return all_fit(value, narrow) ? narrow : wide; };
    return std::visit(
        [&](const auto& v) {
            using V = std::decay_t<decltype(v)>;
            if constexpr (std::is_same_v<V, bool> || std::is_same_v<V, std::vector<bool>>) return GgufType::boolean;
            if constexpr (std::is_same_v<V, std::string> || std::is_same_v<V, std::vector<std::string>>)
                return GgufType::string;
            if constexpr (std::is_same_v<V, std::uint64_t> || std::is_same_v<V, std::vector<std::uint64_t>>) {
                return narrow_or(GgufType::u32, GgufType::u64);
            }
            if constexpr (std::is_same_v<V, std::int64_t> || std::is_same_v<V, std::vector<std::int64_t>>) {
                return narrow_or(GgufType::i32, GgufType::i64);
            }
            return narrow_or(GgufType::f32, GgufType::f64);
        },
        value);
}

void put_value(Bytes& out, GgufType type, const MetaValue& value) {
    if (is_array(value)) {
        put(out, GgufType::array);
        put(out, type);
        put(out, std::visit(
                     [](const auto& v) {
                         if constexpr (is_vector<std::decay_t<decltype(v)>>)
                             return static_cast<std::uint64_t>(v.size());
                         return std::uint64_t{0};
                     },
                     value));
    } else {
        put(out, type);
    }
    each(value, [&](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
            put_string(out, v);
        } else {
            with_number_type(type, [&](auto stored) { put(out, static_cast<decltype(stored)>(v)); });
        }
    });
}

void put_key(Bytes& out, std::string_view key, GgufType type, const MetaValue& value) {
    put_string(out, key);
    put_value(out, type, value);
}

}  // namespace

Status GgufWriter::set(std::string key, MetaValue value, std::optional<GgufType> stored) {
    HEARTH_TRY(formats::check_name(key, "a metadata key", Code::invalid_argument));
    const std::string where = cat("metadata key ", quote(key));
    if (key.size() > formats::gguf_longest_key) {
        return {Code::invalid_argument,
                cat(where, " is ", key.size(), " bytes long, at most ", formats::gguf_longest_key, " are allowed")};
    }
    if (key.starts_with("split.")) return {Code::invalid_argument, cat(where, " is set by the writer itself")};
    const GgufType type = key == alignment_key ? GgufType::u32 : stored.value_or(usual_type(value));
    if (!all_fit(value, type)) {
        return {Code::invalid_argument,
                cat(where, ": the value cannot be stored as type ", static_cast<std::uint32_t>(type), " of GGUF")};
    }
    if (key == alignment_key) {
        const auto* bytes = std::get_if<std::uint64_t>(&value);
        if (bytes == nullptr || !formats::good_alignment(*bytes)) {
            return {Code::invalid_argument, cat(where, ": expected a power of two from ", formats::gguf_least_alignment,
                                                " to ", formats::gguf_most_alignment)};
        }
    }
    values_.insert_or_assign(std::move(key), Value{type, std::move(value)});
    return {};
}

Status GgufWriter::set_all(const ModelFile& file) {
    for (const auto& [key, value] : file.metadata().values()) {
        if (!key.starts_with("split.")) HEARTH_TRY(set(key, value, file.stored_type(key)));
    }
    return {};
}

Status GgufWriter::add(TensorInfo info, std::span<const std::uint64_t> shape, Fill fill) {
    const std::string& name = info.name;
    HEARTH_TRY(formats::check_name(name, "a tensor", Code::invalid_argument));
    const std::string where = cat("tensor ", quote(name));
    if (name.size() > formats::gguf_longest_tensor_name) {
        return {Code::invalid_argument, cat(where, ": the name is ", name.size(), " bytes long, at most ",
                                            formats::gguf_longest_tensor_name, " are allowed")};
    }
    if (shape.empty() || shape.size() > 4) {
        return {Code::invalid_argument, cat(where, " has ", shape.size(), " dimensions, expected 1 to 4")};
    }
    if (!fill) return {Code::invalid_argument, cat(where, ": the function that gives its bytes is null")};
    info.dims = static_cast<std::uint32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), info.shape.begin());
    if (!info.packed) {
        auto bytes = formats::tensor_bytes(info);
        if (!bytes.ok()) return {Code::invalid_argument, bytes.status().message()};
        info.bytes = *bytes;
    }
    if (!by_name_.emplace(name, tensors_.size()).second)
        return {Code::invalid_argument, cat(where, " is added twice")};
    tensors_.push_back({std::move(info), std::move(fill)});
    return {};
}

Status GgufWriter::add_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape, Fill fill) {
    TensorInfo info;
    info.name = std::move(name);
    info.type = type;
    return add(std::move(info), shape, std::move(fill));
}

Status GgufWriter::add_packed_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape,
                                     std::uint64_t bytes, Fill fill) {
    TensorInfo info;
    info.name = std::move(name);
    info.type = type;
    info.packed = true;
    info.bytes = bytes;
    return add(std::move(info), shape, std::move(fill));
}

Status GgufWriter::add_tensor(std::string name, std::uint32_t type, std::span<const std::uint64_t> shape,
                              std::span<const std::byte> bytes) {
    return add_tensor(std::move(name), type, shape,
                      [bytes](const TensorInfo&, const Emit& emit) { return emit(bytes); });
}

std::uint64_t GgufWriter::alignment() const {
    const auto at = values_.find(alignment_key);
    return at == values_.end() ? formats::gguf_default_alignment : std::get<std::uint64_t>(at->second.value);
}

std::size_t GgufWriter::parts() const {
    if (options_.tensors_per_part == 0 || tensors_.empty()) return 1;
    return (tensors_.size() - 1) / options_.tensors_per_part + 1;
}

std::span<const GgufWriter::Tensor> GgufWriter::tensors_of(std::size_t part) const {
    const std::span<const Tensor> all(tensors_);
    if (options_.tensors_per_part == 0) return all;
    const std::size_t begin = part * options_.tensors_per_part;
    return all.subspan(begin, std::min(options_.tensors_per_part, all.size() - begin));
}

std::vector<std::byte> GgufWriter::header(std::size_t part) const {
    const std::uint64_t align = alignment();
    const auto tensors = tensors_of(part);
    const bool split = parts() > 1;
    // Only the first part carries the model's metadata; each says how its own data is aligned.
    std::uint64_t keys = split ? 3 : 0;
    for (const auto& [key, value] : values_) keys += part == 0 || key == alignment_key;

    Bytes out;
    for (char c : {'G', 'G', 'U', 'F'}) put(out, c);
    put(out, options_.version);
    put(out, static_cast<std::uint64_t>(tensors.size()));
    put(out, keys);
    for (const auto& [key, value] : values_) {
        if (part == 0 || key == alignment_key) put_key(out, key, value.type, value.value);
    }
    if (split) {
        put_key(out, "split.no", GgufType::u16, std::uint64_t{part});
        put_key(out, "split.count", GgufType::u16, std::uint64_t{parts()});
        put_key(out, "split.tensors.count", GgufType::i32, static_cast<std::int64_t>(tensors_.size()));
    }
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
        put_string(out, tensor.info.name);
        put(out, tensor.info.dims);
        for (std::uint32_t d = 0; d < tensor.info.dims; ++d) put(out, tensor.info.shape[d]);
        put(out, tensor.info.type + (tensor.info.packed ? gguf_packed_types : 0));
        put(out, offset);
        offset += padded(tensor.info.bytes, align);
    }
    out.resize(padded(out.size(), align));
    return out;
}

Status GgufWriter::write_part(std::size_t part, const Emit& emit) const {
    if (options_.version != 2 && options_.version != 3) {
        return {Code::invalid_argument,
                cat("version ", options_.version, " of GGUF cannot be written, expected 2 or 3")};
    }
    if (parts() > formats::most_parts || (parts() > 1 && tensors_.size() > INT32_MAX)) {
        return {Code::invalid_argument, cat(tensors_.size(), " tensors make ", parts(), " parts, at most ",
                                            formats::most_parts, " are allowed")};
    }
    HEARTH_TRY(emit(header(part)));
    const std::uint64_t align = alignment();
    for (const Tensor& tensor : tensors_of(part)) {
        std::uint64_t got = 0;
        const Status filled = tensor.fill(tensor.info, [&](std::span<const std::byte> bytes) -> Status {
            got += bytes.size();
            return got > tensor.info.bytes ? Status() : emit(bytes);
        });
        HEARTH_TRY(Status(filled).in(cat("tensor ", quote(tensor.info.name))));
        if (got != tensor.info.bytes) {
            return {Code::invalid_argument, cat("tensor ", quote(tensor.info.name), " was given ", got,
                                                " bytes, expected ", tensor.info.bytes)};
        }
        HEARTH_TRY(emit(Bytes(padded(got, align) - got)));
    }
    return {};
}

Result<std::vector<std::string>> GgufWriter::write(const std::string& path) const {
    std::vector<std::string> names;
    std::vector<std::unique_ptr<FileWriter>> files;
    const std::string_view prefix = std::string_view(path).substr(0, path.size() - (path.ends_with(".gguf") ? 5 : 0));
    for (std::size_t part = 0; part < parts(); ++part) {
        names.push_back(parts() == 1 ? path : formats::split_name(prefix, part, parts()));
        HEARTH_ASSIGN(std::unique_ptr<FileWriter> file, FileWriter::create(names.back()));
        HEARTH_TRY(write_part(part, [&](std::span<const std::byte> bytes) { return file->write(bytes); }));
        HEARTH_TRY(file->finish());
        files.push_back(std::move(file));
    }
    for (const auto& file : files) HEARTH_TRY(file->commit());
    return names;
}

Result<std::vector<std::vector<std::byte>>> GgufWriter::write_parts() const {
    std::vector<Bytes> out;
    for (std::size_t part = 0; part < parts(); ++part) {
        out.emplace_back();
        HEARTH_TRY(write_part(part, [&](std::span<const std::byte> bytes) {
            out.back().insert(out.back().end(), bytes.begin(), bytes.end());
            return Status();
        }));
    }
    return out;
}

}  // namespace hearth
