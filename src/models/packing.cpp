#include "hearth/models/packing.hpp"

#include <algorithm>
#include <set>

#include "hearth/base/cat.hpp"
#include "hearth/codecs/codec.hpp"
#include "hearth/layers/linear.hpp"

namespace hearth {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 62;
constexpr std::size_t kSliceBytes = std::size_t{8} << 20;  // that a packer holds in memory

// FNV-1a (Fowler, Noll and Vo) over the panel of 13 rows of three blocks: a last panel with rows missing, and an odd
// number of blocks, which layouts that pair blocks treat apart.
std::string fingerprint(const PanelFormat& format) {
    constexpr std::size_t kRows = 13;
    const Codec& codec = *find_codec(format.codec);
    const std::size_t k = 3 * std::max<std::size_t>(format.block_values, 16), row_bytes = codec.row_bytes(k);
    std::vector<std::byte> rows(kRows * row_bytes), panel(format.panel_bytes(k));
    std::uint32_t state = 1;
    for (std::byte& b : rows) {
        state = state * 1664525 + 1013904223;  // a linear congruence of full period (Knuth)
        b = static_cast<std::byte>(state >> 24);
    }
    format.pack(rows.data(), row_bytes, kRows, k, panel.data());
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::byte b : panel) hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[hash >> shift & 15];
    return out;
}

std::string layout_text(const PanelFormat& format) {
    return cat(find_codec(format.codec)->name, " ", fingerprint(format));
}

constexpr const char* kPackAgain = ": pack it again from the original file";

Status check(const Metadata& metadata, std::span<const TensorInfo> tensors) {
    const auto first_packed = std::ranges::find_if(tensors, [](const TensorInfo& t) { return t.packed; });
    HEARTH_ASSIGN(const auto version, metadata.get_uint(kPackVersionKey));
    if (!version) {
        if (first_packed == tensors.end()) return {};
        return {Code::malformed, cat("tensor '", first_packed->name, "' is packed, but metadata key '", kPackVersionKey,
                                     "' is missing")};
    }
    if (*version != kPackVersion)
        return {Code::unsupported, cat("is a packed model of pack version ", *version,
                                       ", this version of hearth reads ", kPackVersion, kPackAgain)};
    HEARTH_ASSIGN(const std::vector<std::string>* layouts, metadata.get_strings(kPackLayoutsKey));
    if (layouts == nullptr) return {Code::malformed, cat("metadata key '", kPackLayoutsKey, "' is missing")};
    std::set<std::uint32_t> listed;
    for (const std::string& layout : *layouts) {
        const std::string_view name = std::string_view(layout).substr(0, layout.find(' '));
        const Codec* codec = find_codec(name);
        const PanelFormat* format = codec != nullptr ? find_panel_format(codec->id) : nullptr;
        if (format == nullptr)
            return {Code::unsupported, cat("is packed with panels of '", name,
                                           "', which this version of hearth does not have", kPackAgain)};
        const std::string own = layout_text(*format);
        if (layout != own)
            return {Code::unsupported, cat("is packed with another layout of panels: '", layout,
                                           "', this version of hearth has '", own, "'", kPackAgain)};
        listed.insert(format->codec);
    }
    for (const TensorInfo& t : tensors)
        if (t.packed && !listed.contains(t.type))
            return {Code::malformed, cat("tensor '", t.name, "' is packed as ", find_codec(t.type)->name,
                                         ", which metadata key '", kPackLayoutsKey, "' does not list")};
    return {};
}

std::uint64_t bytes(const TensorInfo& info) {
    const PanelFormat* format = find_panel_format(info.type);
    if (format == nullptr || info.shape[0] % format->block_values != 0) return 0;
    if (info.shape[0] / format->block_values > kMostBytes / format->block_bytes) return 0;
    const std::uint64_t panel = format->panel_bytes(info.shape[0]);
    // No overflow: the caller has counted the elements in 63 bits.
    const std::uint64_t panels = (info.shape[1] - 1) / kLanes + 1, matrices = info.shape[2] * info.shape[3];
    if (panels > kMostBytes / panel || matrices > kMostBytes / (panels * panel)) return 0;
    return matrices * panels * panel;
}

constexpr PackedTypes kTypes{check, bytes};

// One slice of panels after the other; a slice is packed by all workers.
Status write_panels(LoadContext& context, const TensorInfo& info, const TensorSink& sink) {
    const PanelFormat& format = *find_panel_format(info.type);
    const std::size_t k = info.shape[0], rows = info.rows(), row_bytes = find_codec(info.type)->row_bytes(k);
    const std::size_t panel_bytes = format.panel_bytes(k), panels = panels_of(rows);
    const std::size_t most = std::min(std::max<std::size_t>(kSliceBytes / panel_bytes, 1), panels);
    HEARTH_ASSIGN(Buffer slice,
                  Buffer::make(context.memory, most * panel_bytes, "packing", Buffer::Content::unspecified));
    Buffer room;
    const std::span<const std::byte> view = context.source.view(info);
    if (view.empty()) {
        const std::size_t most_rows = std::min(most * kLanes, rows);
        HEARTH_ASSIGN(room,
                      Buffer::make(context.memory, most_rows * row_bytes, "packing", Buffer::Content::unspecified));
    }
    for (std::size_t first = 0; first < panels; first += most) {
        const std::size_t count = std::min(most, panels - first),
                          slice_rows = std::min(count * kLanes, rows - first * kLanes);
        const std::size_t begin = first * kLanes * row_bytes, bytes = slice_rows * row_bytes;
        const std::byte* stored = room.data();
        if (view.empty())
            HEARTH_TRY(context.source.read(info, begin, room.bytes().first(bytes)));
        else
            stored = view.data() + begin;
        parallel_for(context.executor, count, [&](std::size_t panel, std::size_t) {
            format.pack(stored + panel * kLanes * row_bytes, row_bytes, std::min(kLanes, slice_rows - panel * kLanes),
                        k, slice.data() + panel * panel_bytes);
        });
        context.source.release(info, begin, bytes);
        HEARTH_TRY(sink(slice.bytes().first(count * panel_bytes)));
        HEARTH_TRY(context.add_done(bytes));
    }
    return {};
}

Status write_copy(LoadContext& context, const TensorInfo& info, const TensorSink& sink) {
    const std::uint64_t most = std::min<std::uint64_t>(kSliceBytes, info.bytes);
    HEARTH_ASSIGN(Buffer slice, Buffer::make(context.memory, most, "packing", Buffer::Content::unspecified));
    for (std::uint64_t begin = 0; begin < info.bytes; begin += most) {
        const std::uint64_t bytes = std::min(most, info.bytes - begin);
        HEARTH_TRY(context.source.read(info, begin, slice.bytes().first(bytes)));
        context.source.release(info, begin, bytes);
        HEARTH_TRY(sink(slice.bytes().first(bytes)));
        HEARTH_TRY(context.add_done(bytes));
    }
    return {};
}

}  // namespace

const PackedTypes& packed_types() { return kTypes; }

std::uint64_t bytes_when_packed(const TensorInfo& info) {
    // A stack of matrices may be used in halves (gate and up of an expert in one), which are panels of their own.
    const bool stack = info.shape[2] * info.shape[3] != 1;
    if (info.name.ends_with("attn_kv_b.weight")) return 0;  // taken apart while it is loaded (latent_split.hpp)
    if (info.packed || info.rows() < 2 || (stack && info.shape[1] % (2 * kLanes) != 0)) return 0;
    return bytes(info);
}

std::vector<std::string> pack_layouts(std::span<const TensorInfo> tensors) {
    std::set<std::uint32_t> types;
    for (const TensorInfo& t : tensors)
        if (bytes_when_packed(t) != 0) types.insert(t.type);
    std::vector<std::string> out;
    out.reserve(types.size());
    for (const std::uint32_t type : types) out.push_back(layout_text(*find_panel_format(type)));
    return out;
}

Status write_tensor(LoadContext& context, const TensorInfo& info, const TensorSink& sink) {
    return bytes_when_packed(info) != 0 ? write_panels(context, info, sink) : write_copy(context, info, sink);
}

}  // namespace hearth
