#include "formats/gguf_parse.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "formats/cursor.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec.hpp"

namespace hearth::formats {

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

// What a file that is no GGUF most often is.
Status wrong_magic(const ByteSource& source, std::string_view magic) {
    if (magic == "FUGG") return {Code::unsupported, "is a big-endian GGUF file, only little-endian ones are supported"};
    std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 23)), '\0');
    HEARTH_TRY(source.read(0, std::as_writable_bytes(std::span<char>(head))));
    if (head == "version https://git-lfs") {
        return {Code::malformed, "is a Git LFS pointer, not the model it stands for: fetch it with 'git lfs pull'"};
    }
    return {Code::malformed, cat("is not a GGUF file: it begins with ", quote(magic), ", expected 'GGUF'")};
}

Status parse_version(Cursor& in, const ByteSource& source, std::uint32_t& version) {
    if (source.size() == 0) return {Code::malformed, "is empty, expected a GGUF file"};
    std::string magic(4, '\0');
    HEARTH_TRY(in.bytes(std::as_writable_bytes(std::span<char>(magic)), "the magic number of a GGUF file"));
    if (magic != "GGUF") return wrong_magic(source, magic);
    HEARTH_TRY(in.number(version, "the version"));
    if (version == 1) {
        return {Code::unsupported, "is a GGUF file of version 1, which was withdrawn: convert the model again"};
    }
    if (version == 2 || version == 3) return {};
    // Versions are small numbers: with only high bytes set, the bytes stand in the other order.
    if (version != 0 && (version & 0xffff) == 0) {
        return {Code::unsupported, "is a big-endian GGUF file, only little-endian ones are supported"};
    }
    return {Code::unsupported, cat("is a GGUF file of version ", version, ", supported are 2 and 3")};
}

// Bytes that an element takes at least; 0 for a type that may not stand in an array.
std::uint64_t least_bytes(GgufType type) {
    switch (type) {
        case GgufType::u8:
        case GgufType::i8:
        case GgufType::boolean:
            return 1;
        case GgufType::u16:
        case GgufType::i16:
            return 2;
        case GgufType::u32:
        case GgufType::i32:
        case GgufType::f32:
            return 4;
        case GgufType::string:
        case GgufType::u64:
        case GgufType::i64:
        case GgufType::f64:
            return 8;
        case GgufType::array:
            break;
    }
    return 0;
}

Status read_element(Cursor& in, bool& out) {
    std::uint8_t byte = 0;
    HEARTH_TRY(in.number(byte, "the value"));
    if (byte > 1)
        return {Code::malformed, cat("the bool at byte ", in.position() - 1, " is ", byte, ", expected 0 or 1")};
    out = byte == 1;
    return {};
}

Status read_element(Cursor& in, std::string& out) { return in.string(out, no_limit, "the string"); }

template <class Stored>
struct As {  // a number in the file, and the type that it widens to
    using Wide = std::conditional_t<std::is_floating_point_v<Stored>, double,
                                    std::conditional_t<std::is_signed_v<Stored>, std::int64_t, std::uint64_t>>;
};
template <>
struct As<bool> {
    using Wide = bool;
};
template <>
struct As<std::string> {
    using Wide = std::string;
};

template <class Stored>
Status read_one(Cursor& in, typename As<Stored>::Wide& out) {
    if constexpr (std::is_same_v<Stored, bool> || std::is_same_v<Stored, std::string>) {
        return read_element(in, out);
    } else {
        Stored value{};
        HEARTH_TRY(in.number(value, "the value"));
        out = value;
        return {};
    }
}

// `count` absent: a scalar. The caller has checked that `count` elements can stand in what is left of the file.
template <class Stored>
Status read_value(Cursor& in, const std::uint64_t* count, MetaValue& out) {
    using Wide = typename As<Stored>::Wide;
    Wide value{};
    if (count == nullptr) {
        HEARTH_TRY(read_one<Stored>(in, value));
        out = std::move(value);
        return {};
    }
    std::vector<Wide> values;
    values.reserve(static_cast<std::size_t>(*count));
    for (std::uint64_t i = 0; i < *count; ++i) {
        HEARTH_TRY(read_one<Stored>(in, value));
        values.push_back(std::move(value));
    }
    out = std::move(values);
    return {};
}

Status read_typed(Cursor& in, GgufType type, const std::uint64_t* count, MetaValue& out) {
    switch (type) {
        case GgufType::u8:
            return read_value<std::uint8_t>(in, count, out);
        case GgufType::i8:
            return read_value<std::int8_t>(in, count, out);
        case GgufType::u16:
            return read_value<std::uint16_t>(in, count, out);
        case GgufType::i16:
            return read_value<std::int16_t>(in, count, out);
        case GgufType::u32:
            return read_value<std::uint32_t>(in, count, out);
        case GgufType::i32:
            return read_value<std::int32_t>(in, count, out);
        case GgufType::f32:
            return read_value<float>(in, count, out);
        case GgufType::boolean:
            return read_value<bool>(in, count, out);
        case GgufType::string:
            return read_value<std::string>(in, count, out);
        case GgufType::u64:
            return read_value<std::uint64_t>(in, count, out);
        case GgufType::i64:
            return read_value<std::int64_t>(in, count, out);
        case GgufType::f64:
            return read_value<double>(in, count, out);
        case GgufType::array:
            break;
    }
    return {Code::malformed, cat("the value type ", static_cast<std::uint32_t>(type), " is unknown, expected 0 to 12")};
}

// `type` becomes that of the elements for an array.
Status parse_value(Cursor& in, std::uint32_t& type, MetaValue& out) {
    if (GgufType(type) != GgufType::array) return read_typed(in, GgufType(type), nullptr, out);
    std::uint64_t count = 0;
    HEARTH_TRY(in.number(type, "the type of the array"));
    HEARTH_TRY(in.number(count, "the length of the array"));
    if (GgufType(type) == GgufType::array) return {Code::unsupported, "an array of arrays is not supported"};
    const std::uint64_t least = least_bytes(GgufType(type));
    if (least > 0 && count > in.remaining() / least) {
        return {Code::malformed,
                cat("truncated: an array of ", count, " elements of at least ", least, " bytes cannot stand in the ",
                    in.remaining(), " bytes that are left of the file")};
    }
    return read_typed(in, GgufType(type), &count, out);
}

Status parse_metadata(Cursor& in, std::uint64_t count, GgufPart& out) {
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string key;
        HEARTH_TRY(in.string(key, gguf_longest_key, "a metadata key"));
        HEARTH_TRY(check_name(key, cat("metadata key number ", i), Code::malformed));
        const std::string where = cat("metadata key ", quote(key));
        std::uint32_t type = 0;
        MetaValue value;
        HEARTH_TRY(in.number(type, "the value type").in(where));
        HEARTH_TRY(parse_value(in, type, value).in(where));
        out.types.emplace(key, GgufType(type));
        if (!out.metadata.insert(std::move(key), std::move(value)))
            return {Code::malformed, cat(where, " occurs twice")};
    }
    return {};
}

Status parse_tensor(Cursor& in, std::uint64_t index, const PackedTypes* packed, TensorInfo& out) {
    HEARTH_TRY(in.string(out.name, gguf_longest_tensor_name, "a tensor name"));
    HEARTH_TRY(check_name(out.name, cat("tensor number ", index), Code::malformed));
    const std::string where = cat("tensor ", quote(out.name));
    HEARTH_TRY(in.number(out.dims, "the number of dimensions").in(where));
    if (out.dims < 1 || out.dims > 4) {
        return {Code::malformed, cat(where, " has ", out.dims, " dimensions, expected 1 to 4")};
    }
    for (std::uint32_t d = 0; d < out.dims; ++d) HEARTH_TRY(in.number(out.shape[d], "the shape").in(where));
    HEARTH_TRY(in.number(out.type, "the type").in(where));
    HEARTH_TRY(in.number(out.offset, "the offset").in(where));
    if (out.type >= gguf_packed_types && out.type < gguf_packed_types_end) {
        out.type -= gguf_packed_types;
        out.packed = true;
    }
    auto bytes = tensor_bytes(out, packed);
    const bool unknown = !out.packed && find_codec(out.type) == nullptr;
    if (!bytes.ok() && !(unknown && bytes.status().code() == Code::unsupported)) return std::move(bytes).status();
    out.bytes = unknown ? 0 : *bytes;
    return {};
}

// Offsets in the file count from the start of the data; they become absolute here.
Status place_tensors(const ByteSource& source, std::uint64_t header_end, std::uint64_t alignment,
                     std::vector<TensorInfo>& tensors) {
    // No overflow: header_end is within the file and the alignment below 2^27.
    const std::uint64_t data = (header_end + alignment - 1) / alignment * alignment;
    for (TensorInfo& t : tensors) {
        if (t.offset % alignment != 0) {
            return {Code::malformed, cat("tensor ", quote(t.name), " has the offset ", t.offset,
                                         ", expected a multiple of the alignment ", alignment)};
        }
        if (t.offset > no_limit - data || t.bytes > no_limit - data - t.offset) {
            return {Code::malformed, cat("tensor ", quote(t.name), " of ", t.bytes, " bytes has the offset ", t.offset,
                                         ", which is beyond any file")};
        }
        t.offset += data;
        if (t.offset + t.bytes > source.size()) {
            return {Code::malformed, cat("truncated: tensor ", quote(t.name), " needs bytes ", t.offset, "..",
                                         t.offset + t.bytes, ", the file has ", source.size())};
        }
    }
    return {};
}

template <class Less>
std::vector<std::size_t> sorted_indices(std::size_t count, Less less) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), less);
    return order;
}

Status check_overlaps(const std::vector<TensorInfo>& tensors) {
    const auto order = sorted_indices(tensors.size(), [&](std::size_t a, std::size_t b) {
        return std::pair(tensors[a].offset, a) < std::pair(tensors[b].offset, b);
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
        const TensorInfo &a = tensors[order[i - 1]], &b = tensors[order[i]];
        if (a.offset + a.bytes > b.offset) {
            return {Code::malformed,
                    cat("tensors ", quote(a.name), " (bytes ", a.offset, "..", a.offset + a.bytes, ") and ",
                        quote(b.name), " (bytes ", b.offset, "..", b.offset + b.bytes, ") overlap")};
        }
    }
    return {};
}

Status parse(const ByteSource& source, std::uint32_t part, const PackedTypes* packed, GgufPart& out) {
    Cursor in(source);
    HEARTH_TRY(parse_version(in, source, out.version));
    std::uint64_t tensor_count = 0, key_count = 0;
    HEARTH_TRY(in.number(tensor_count, "the number of tensors"));
    HEARTH_TRY(in.number(key_count, "the number of metadata keys"));
    // A tensor takes at least a name of one byte, one dimension, type and offset; a key one byte and a one-byte value.
    constexpr std::uint64_t least_tensor = 8 + 1 + 4 + 8 + 4 + 8, least_key = 8 + 1 + 4 + 1;
    if (key_count > in.remaining() / least_key) {
        return {Code::malformed,
                cat("truncated: ", key_count, " metadata keys cannot stand in a file of ", source.size(), " bytes")};
    }
    if (tensor_count > in.remaining() / least_tensor) {
        return {Code::malformed,
                cat("truncated: ", tensor_count, " tensors cannot stand in a file of ", source.size(), " bytes")};
    }
    HEARTH_TRY(parse_metadata(in, key_count, out));
    if (packed != nullptr) HEARTH_TRY(packed->check(out.metadata, {}));

    HEARTH_ASSIGN(const auto stated, out.metadata.get_uint("general.alignment"));
    const std::uint64_t alignment = stated.value_or(gguf_default_alignment);
    if (!good_alignment(alignment)) {
        return {Code::malformed,
                cat("metadata key 'general.alignment' is ", alignment, ", expected a power of two from ",
                    gguf_least_alignment, " to ", gguf_most_alignment)};
    }

    out.tensors.resize(static_cast<std::size_t>(tensor_count));
    for (std::size_t i = 0; i < out.tensors.size(); ++i) {
        out.tensors[i].part = part;
        HEARTH_TRY(parse_tensor(in, i, packed, out.tensors[i]));
    }
    // The rest can be told of all the same.
    std::erase_if(out.tensors, [&](const TensorInfo& t) {
        if (t.packed || find_codec(t.type) != nullptr) return false;
        if (out.unknown.ok()) out.unknown = tensor_bytes(t).status();
        return true;
    });
    HEARTH_TRY(place_tensors(source, in.position(), alignment, out.tensors));
    source.release(0, in.position());  // vocabularies make headers of many megabytes
    return check_overlaps(out.tensors);
}

}  // namespace

bool good_alignment(std::uint64_t alignment) {
    return std::has_single_bit(alignment) && alignment >= gguf_least_alignment && alignment <= gguf_most_alignment;
}

Status check_name(const std::string& name, const std::string& what, Code code) {
    if (name.empty()) return {code, cat("the name of ", what, " is empty")};
    if (printable(name)) return {};
    return {code, cat("the name of ", what, ", ", quote(name), ", is not printable UTF-8")};
}

Result<std::uint64_t> tensor_bytes(const TensorInfo& info, const PackedTypes* packed) {
    const std::string where = cat("tensor ", quote(info.name));
    std::uint64_t elements = 1;
    for (std::uint32_t d = 0; d < info.dims; ++d) {
        if (info.shape[d] == 0)
            return Status(Code::malformed, cat(where, " of shape ", shape_text(info), " has no elements"));
        // Signed 64 bits, as the format's other readers have it.
        if (info.shape[d] > static_cast<std::uint64_t>(INT64_MAX) / elements) {
            return Status(Code::malformed, cat(where, " of shape ", shape_text(info), " has more than 2^63 elements"));
        }
        elements *= info.shape[d];
    }
    const Codec* codec = find_codec(info.type);
    if (codec == nullptr) {
        return Status(Code::unsupported,
                      cat(where, " has type number ", info.type, ", which is unknown to this version of hearth"));
    }
    if (info.shape[0] % codec->block_values != 0) {
        return Status(Code::malformed,
                      cat(where, " of shape ", shape_text(info), " has rows of ", info.shape[0],
                          " values, expected a multiple of ", codec->block_values, ", the block of ", codec->name));
    }
    if (info.packed) {
        if (packed == nullptr)
            return Status(Code::unsupported, cat(where, " is packed for hearth's kernels, which cannot be read here"));
        const std::uint64_t bytes = packed->bytes(info);
        if (bytes != 0) return bytes;
        return Status(Code::unsupported, cat(where, " of shape ", shape_text(info), " is stored as panels of ", codec->name,
                                             ", which this version of hearth does not have in this size"));
    }
    const std::uint64_t blocks = elements / codec->block_values;
    if (blocks > static_cast<std::uint64_t>(INT64_MAX) / codec->block_bytes) {
        return Status(Code::malformed, cat(where, " of shape ", shape_text(info), " takes more than 2^63 bytes"));
    }
    return blocks * codec->block_bytes;
}

Result<GgufPart> parse_gguf(const ByteSource& source, std::uint32_t part, const PackedTypes* packed) {
    GgufPart out;
    HEARTH_TRY(parse(source, part, packed, out).in(source.name()));
    return out;
}

}  // namespace hearth::formats
