#include "hearth/formats/gguf.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "formats/gguf_parse.hpp"
#include "formats/quote.hpp"
#include "formats/split_name.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

using formats::GgufPart;
using formats::quote;

namespace {

struct Split {
    std::uint64_t number = 0;  // of this part, from 0
    std::uint64_t count = 1;
    std::optional<std::uint64_t> tensors;  // in all parts
};

Result<Split> split_of(const ByteSource& source, const Metadata& metadata) {
    const auto read = [&](std::string_view key) -> Result<std::optional<std::uint64_t>> {
        auto value = metadata.get_uint(key);
        if (!value.ok()) return std::move(value).status().in(source.name());
        return value;
    };
    Split out;
    HEARTH_ASSIGN(const auto count, read("split.count"));
    if (!count || *count <= 1) return out;
    HEARTH_ASSIGN(const auto number, read("split.no"));
    HEARTH_ASSIGN(out.tensors, read("split.tensors.count"));
    out.count = *count;
    out.number = number.value_or(0);
    if (out.count > formats::most_parts) {
        return Status(Code::malformed,
                      cat(source.name(), ": split.count is ", out.count, ", expected at most ", formats::most_parts));
    }
    if (out.number >= out.count) {
        return Status(Code::malformed, cat(source.name(), ": split.no is ", out.number,
                                           ", expected less than split.count, ", out.count));
    }
    return out;
}

// The check that the bytes which were found where part `number` should be are that part of the same model.
Status check_part(const ByteSource& source, const GgufPart& part, std::uint64_t number, std::uint64_t count) {
    HEARTH_ASSIGN(const Split split, split_of(source, part.metadata));
    if (split.number == number && split.count == count) return {};
    return {Code::malformed, cat(source.name(), ": is part ", split.number + 1, " of ", split.count, ", expected part ",
                                 number + 1, " of ", count)};
}

}  // namespace

Result<std::unique_ptr<Gguf>> Gguf::open(std::unique_ptr<ByteSource> first, OpenPart open_part,
                                         const PackedTypes* packed) {
    if (first == nullptr) return Status(Code::invalid_argument, "the source of a GGUF file is null");
    HEARTH_ASSIGN(GgufPart head, formats::parse_gguf(*first, 0, packed));
    HEARTH_ASSIGN(const Split split, split_of(*first, head.metadata));
    if (split.number != 0) {
        return Status(Code::invalid_argument, cat(first->name(), ": is part ", split.number + 1, " of ", split.count,
                                                  " of a split model, which is opened by its first part"));
    }
    if (split.count > 1 && !open_part) {
        return Status(Code::invalid_argument, cat(first->name(), ": is part 1 of ", split.count,
                                                  " of a split model, and there is no way to open the other parts"));
    }

    std::unique_ptr<Gguf> out(new Gguf);
    out->version_ = head.version;
    out->metadata_ = std::move(head.metadata);
    out->types_ = std::move(head.types);
    out->tensors_ = std::move(head.tensors);
    out->troubles_.tensor = std::move(head.unknown);
    out->parts_.push_back(std::move(first));
    for (std::uint64_t p = 1; p < split.count; ++p) {
        HEARTH_ASSIGN(std::unique_ptr<ByteSource> source,
                      open_part(static_cast<std::size_t>(p), static_cast<std::size_t>(split.count)));
        if (source == nullptr) {
            return Status(Code::invalid_argument,
                          cat(out->name(), ": part ", p + 1, " of ", split.count, " was opened as a null source"));
        }
        HEARTH_ASSIGN(GgufPart part, formats::parse_gguf(*source, static_cast<std::uint32_t>(p), packed));
        HEARTH_TRY(check_part(*source, part, p, split.count));
        if (out->troubles_.tensor.ok()) out->troubles_.tensor = std::move(part.unknown);
        out->tensors_.insert(out->tensors_.end(), std::make_move_iterator(part.tensors.begin()),
                             std::make_move_iterator(part.tensors.end()));
        out->parts_.push_back(std::move(source));
    }
    if (split.tensors && out->troubles_.tensor.ok() && *split.tensors != out->tensors_.size()) {
        return Status(Code::malformed, cat(out->name(), ": split.tensors.count is ", *split.tensors, ", the ",
                                           split.count, " parts have ", out->tensors_.size(), " tensors"));
    }

    const auto& tensors = out->tensors_;
    if (packed != nullptr) HEARTH_TRY(packed->check(out->metadata_, tensors).in(out->name()));
    out->by_name_.resize(tensors.size());
    std::iota(out->by_name_.begin(), out->by_name_.end(), std::size_t{0});
    std::sort(out->by_name_.begin(), out->by_name_.end(), [&](std::size_t a, std::size_t b) {
        return std::tie(tensors[a].name, a) < std::tie(tensors[b].name, b);
    });
    const auto twice =
        std::adjacent_find(out->by_name_.begin(), out->by_name_.end(),
                           [&](std::size_t a, std::size_t b) { return tensors[a].name == tensors[b].name; });
    if (twice != out->by_name_.end()) {
        return Status(Code::malformed, cat(out->parts_[tensors[twice[1]].part]->name(), ": tensor ",
                                           quote(tensors[*twice].name), " occurs twice"));
    }
    return out;
}

Result<std::unique_ptr<Gguf>> Gguf::open_path(const std::string& path, const PackedTypes* packed) {
    HEARTH_ASSIGN(std::unique_ptr<ByteSource> source, hearth::open_path(path));
    const std::optional<formats::SplitName> name = formats::parse_split_name(path);
    if (!name) {
        // Only to say what is wrong: without the pattern in its name, a split file's neighbours are unknown.
        const auto unknown = [&](std::size_t, std::size_t count) -> Result<std::unique_ptr<ByteSource>> {
            return Status(Code::not_found,
                          cat(path, ": is part 1 of ", count, " of a split model, but its name does not end in '",
                              formats::split_name("", 0, count), "', so the other parts cannot be found"));
        };
        return open(std::move(source), unknown, packed);
    }
    const auto open_part = [&](std::size_t part, std::size_t count) -> Result<std::unique_ptr<ByteSource>> {
        if (count != name->count) {
            return Status(Code::malformed,
                          cat(path, ": the name says ", name->count, " parts, the metadata says ", count));
        }
        auto opened = hearth::open_path(formats::split_name(name->prefix, part, count));
        if (opened.ok()) return opened;
        return Status(opened.status().code(),
                      cat("part ", part + 1, " of ", count, " of ", path, ": ", opened.status().message()));
    };
    if (name->number != 0) {
        // A file may be named like a part and be whole.
        HEARTH_ASSIGN(const GgufPart named, formats::parse_gguf(*source, 0, packed));
        HEARTH_ASSIGN(const Split split, split_of(*source, named.metadata));
        if (split.count > 1) {
            HEARTH_TRY(check_part(*source, named, name->number, name->count));
            HEARTH_ASSIGN(source, open_part(0, name->count));
        }
    }
    return open(std::move(source), open_part, packed);
}

std::optional<GgufType> Gguf::stored_type(std::string_view key) const {
    const auto at = types_.find(key);
    return at == types_.end() ? std::nullopt : std::optional(at->second);
}

const std::string& Gguf::name() const { return parts_.front()->name(); }

std::uint64_t Gguf::file_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part->size();
    return sum;
}

const TensorInfo* Gguf::find(std::string_view name) const {
    const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [&](std::size_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
    return at == by_name_.end() || tensors_[*at].name != name ? nullptr : &tensors_[*at];
}

std::span<const std::byte> Gguf::view(const TensorInfo& info) const {
    return info.part < parts_.size() ? parts_[info.part]->view(info.offset, info.bytes) : std::span<const std::byte>();
}

bool Gguf::maps() const {
    return std::ranges::all_of(parts_, [](const auto& part) { return part->maps(); });
}

Status Gguf::read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const {
    if (info.part >= parts_.size()) {
        return {Code::invalid_argument, cat(name(), ": tensor ", quote(info.name), " is said to be in part ",
                                            info.part + 1, ", there are ", parts_.size())};
    }
    if (offset > info.bytes || dst.size() > info.bytes - offset) {
        return {Code::invalid_argument, cat(name(), ": ", dst.size(), " bytes from byte ", offset, " of tensor ",
                                            quote(info.name), " were asked for, it has ", info.bytes)};
    }
    return parts_[info.part]->read(info.offset + offset, dst).in(cat("tensor ", quote(info.name)));
}

void Gguf::release(const TensorInfo& info, std::uint64_t offset, std::uint64_t bytes) const {
    if (info.part >= parts_.size() || offset > info.bytes || bytes > info.bytes - offset) return;
    parts_[info.part]->release(info.offset + offset, bytes);
}

}  // namespace hearth
