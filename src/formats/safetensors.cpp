#include "formats/safetensors.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "formats/json.hpp"
#include "formats/quote.hpp"
#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {

// The limit of the format's own implementation.
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
constexpr std::size_t kMostDims = 8, kMostShards = 4096;

struct TypeFacts {
    SafeType type;
    std::string_view name;
    std::size_t bytes;
};
constexpr std::array<TypeFacts, 16> kTypes{{{SafeType::boolean, "BOOL", 1},
                                            {SafeType::u8, "U8", 1},
                                            {SafeType::i8, "I8", 1},
                                            {SafeType::f8_e5m2, "F8_E5M2", 1},
                                            {SafeType::f8_e4m3, "F8_E4M3", 1},
                                            {SafeType::f8_e8m0, "F8_E8M0", 1},
                                            {SafeType::i16, "I16", 2},
                                            {SafeType::u16, "U16", 2},
                                            {SafeType::f16, "F16", 2},
                                            {SafeType::bf16, "BF16", 2},
                                            {SafeType::i32, "I32", 4},
                                            {SafeType::u32, "U32", 4},
                                            {SafeType::f32, "F32", 4},
                                            {SafeType::f64, "F64", 8},
                                            {SafeType::i64, "I64", 8},
                                            {SafeType::u64, "U64", 8}}};

const TypeFacts& facts(SafeType type) { return kTypes[static_cast<std::size_t>(type)]; }

// Within the data of `data_bytes` bytes; its offset is not absolute yet.
Result<StoredTensor> read_tensor(JsonValue entry, std::uint64_t data_bytes) {
    StoredTensor t;
    t.name = entry.key();
    const auto wrong = [&](const auto&... parts) {
        return Status(Code::malformed, cat("tensor ", quote(t.name), ": ", parts...));
    };
    if (!entry.is_object()) return wrong("its entry is ", entry.kind_name(), ", expected an object");
    const JsonValue type = entry["dtype"], shape = entry["shape"], offsets = entry["data_offsets"];
    if (!type.is_string()) return wrong("dtype is ", type.kind_name(), ", expected a string");
    const auto known = std::ranges::find(kTypes, type.text(), &TypeFacts::name);
    if (known == kTypes.end())
        return Status(Code::unsupported, cat("tensor ", quote(t.name), ": dtype is ", quote(type.text()), ", which is not supported"));
    t.type = known->type;
    if (!shape.is_array()) return wrong("shape is ", shape.kind_name(), ", expected an array");
    if (shape.size() > kMostDims) return wrong("shape has ", shape.size(), " dimensions, expected at most ", kMostDims);
    std::uint64_t bytes = known->bytes;
    for (const JsonValue dim : shape) {
        const auto n = dim.integer();
        if (!n || *n < 0) return wrong("shape has an entry that is no whole number of at least 0");
        t.shape.push_back(static_cast<std::uint64_t>(*n));
        // Once an entry is 0 the rest cannot overflow either.
        if (*n != 0 && bytes > data_bytes / static_cast<std::uint64_t>(*n))
            return wrong("its shape ", shape_text(t), " of ", known->name, " takes more than the ", data_bytes, " bytes of data");
        bytes *= static_cast<std::uint64_t>(*n);
    }
    std::array<std::int64_t, 2> range{};
    if (!offsets.is_array() || offsets.size() != 2) return wrong("data_offsets is not an array of two numbers");
    std::size_t i = 0;
    for (const JsonValue offset : offsets) {
        const auto n = offset.integer();
        if (!n || *n < 0 || static_cast<std::uint64_t>(*n) > data_bytes)
            return wrong("data_offsets has an entry that is not within the ", data_bytes, " bytes of data");
        range[i++] = *n;
    }
    if (range[1] < range[0]) return wrong("data_offsets ends at ", range[1], ", before its begin at ", range[0]);
    t.offset = static_cast<std::uint64_t>(range[0]);
    t.bytes = static_cast<std::uint64_t>(range[1] - range[0]);
    if (t.bytes != bytes)
        return wrong("data_offsets span ", t.bytes, " bytes, its shape ", shape_text(t), " of ", known->name, " takes ", bytes);
    return t;
}

// The data is covered without gaps or overlaps, as the format wants it.
Status check_coverage(std::span<const StoredTensor> tensors, std::uint64_t data_bytes) {
    std::vector<const StoredTensor*> order;
    order.reserve(tensors.size());
    for (const StoredTensor& t : tensors) order.push_back(&t);
    std::ranges::sort(order, [](const StoredTensor* a, const StoredTensor* b) {
        return a->offset != b->offset ? a->offset < b->offset : a->bytes < b->bytes;
    });
    std::uint64_t end = 0;
    for (const StoredTensor* t : order) {
        if (t->offset != end)
            return {Code::malformed, cat("tensor ", quote(t->name), ": its data begins at byte ", t->offset,
                                         " of the data, expected ", end, ", where the tensor before it ends")};
        end += t->bytes;
    }
    if (end == data_bytes) return {};
    return {Code::malformed, cat("has ", data_bytes, " bytes of data, its tensors take ", end)};
}

Result<std::vector<StoredTensor>> read_header(const ByteSource& file) {
    std::uint64_t length = 0;
    if (file.size() < sizeof length)
        return Status(Code::malformed, cat("has ", file.size(), " bytes, expected a safetensors file"));
    HEARTH_TRY(file.read(0, std::as_writable_bytes(std::span(&length, 1))));
    const std::uint64_t rest = file.size() - sizeof length;
    if (length > rest || length > kMostHeaderBytes) {
        std::string head(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 23)), '\0');
        HEARTH_TRY(file.read(0, std::as_writable_bytes(std::span<char>(head))));
        if (head == "version https://git-lfs")
            return Status(Code::malformed, "is a Git LFS pointer, not the model it stands for: fetch it with 'git lfs pull'");
        return Status(Code::malformed, cat("its header has ", length, " bytes, expected at most ", std::min(rest, kMostHeaderBytes)));
    }
    std::string text(static_cast<std::size_t>(length), '\0');
    HEARTH_TRY(file.read(sizeof length, std::as_writable_bytes(std::span<char>(text))));
    HEARTH_ASSIGN(const Json json, Json::parse(text, "its header"));
    if (!json.root().is_object()) return Status(Code::malformed, cat("its header is ", json.root().kind_name(), ", expected an object"));
    std::vector<StoredTensor> tensors;
    tensors.reserve(json.root().size());
    for (const JsonValue entry : json.root()) {
        if (entry.key() == "__metadata__") continue;
        HEARTH_ASSIGN(StoredTensor t, read_tensor(entry, rest - length));
        tensors.push_back(std::move(t));
    }
    HEARTH_TRY(check_coverage(tensors, rest - length));
    for (StoredTensor& t : tensors) t.offset += sizeof length + length;
    return tensors;
}

// A name of a file in the same folder.
bool plain(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

std::size_t bytes_of(SafeType type) { return facts(type).bytes; }
std::string_view name_of(SafeType type) { return facts(type).name; }

std::string shape_text(const StoredTensor& tensor) {
    std::string out = "[";
    for (const std::uint64_t n : tensor.shape) out += cat(out.size() > 1 ? ", " : "", n);
    return out + "]";
}

Status Safetensors::add(std::unique_ptr<ByteSource> file) {
    auto read = read_header(*file);
    if (!read.ok()) return std::move(read).status().in(file->name());
    for (StoredTensor& t : *read) {
        t.part = static_cast<std::uint32_t>(parts_.size());
        tensors_.push_back(std::move(t));
    }
    parts_.push_back(std::move(file));
    return {};
}

Status Safetensors::sort() {
    std::ranges::sort(tensors_, [](const StoredTensor& a, const StoredTensor& b) {
        return a.name != b.name ? a.name < b.name : a.part < b.part;
    });
    const auto twice = std::ranges::adjacent_find(tensors_, {}, &StoredTensor::name);
    if (twice == tensors_.end()) return {};
    return {Code::malformed, cat(parts_[(twice + 1)->part]->name(), ": tensor ", quote(twice->name), " occurs twice")};
}

Result<Safetensors> Safetensors::open(std::unique_ptr<ByteSource> file) {
    Safetensors out;
    HEARTH_TRY(out.add(std::move(file)));
    HEARTH_TRY(out.sort());
    return out;
}

Result<Safetensors> Safetensors::open(std::string_view index, std::string_view index_name, const OpenShard& open_shard) {
    HEARTH_ASSIGN(const Json json, Json::parse(index, index_name));
    const JsonValue map = json.root()["weight_map"];
    if (!map.is_object())
        return Status(Code::malformed, cat(index_name, ": weight_map is ", map.kind_name(), ", expected an object of file names"));
    std::set<std::string, std::less<>> names;
    for (const JsonValue entry : map) {
        if (!entry.is_string() || !plain(entry.text()))
            return Status(Code::malformed, cat(index_name, ": weight_map has ", entry.is_string() ? quote(entry.text()) : entry.kind_name(),
                                               " for tensor ", quote(entry.key()), ", expected the name of a file beside it"));
        names.emplace(entry.text());
    }
    if (names.empty()) return Status(Code::malformed, cat(index_name, ": weight_map is empty"));
    if (names.size() > kMostShards)
        return Status(Code::malformed, cat(index_name, ": weight_map names ", names.size(), " files, expected at most ", kMostShards));
    Safetensors out;
    std::vector<std::string_view> shards;
    for (const std::string& name : names) {
        HEARTH_ASSIGN(auto file, open_shard(name));
        HEARTH_TRY(out.add(std::move(file)));
        shards.push_back(name);
    }
    HEARTH_TRY(out.sort());
    for (const JsonValue entry : map) {
        const StoredTensor* t = out.find(entry.key());
        if (t == nullptr || shards[t->part] != entry.text())
            return Status(Code::malformed, cat(index_name, ": tensor ", quote(entry.key()), " is said to be in ", quote(entry.text()),
                                               ", which does not have it"));
    }
    return out;
}

const StoredTensor* Safetensors::find(std::string_view name) const {
    const auto at = std::ranges::lower_bound(tensors_, name, {}, [](const StoredTensor& t) { return std::string_view(t.name); });
    return at == tensors_.end() || at->name != name ? nullptr : &*at;
}

std::uint64_t Safetensors::file_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part->size();
    return sum;
}

bool Safetensors::maps() const {
    return std::ranges::all_of(parts_, [](const auto& part) { return part->maps(); });
}

}  // namespace hearth::formats
