#include "models/latent_split.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "hearth/codecs/codec.hpp"

namespace hearth {

namespace {

TensorInfo stack(const TensorInfo& joint, const Codec& codec, std::uint64_t k, std::uint64_t rows,
                 std::uint64_t heads) {
    TensorInfo info;
    info.name = joint.name;
    info.type = codec.id;
    info.dims = 3;
    info.shape = {k, rows, heads, 1};
    info.bytes = codec.row_bytes(k) * rows * heads;
    return info;
}

}  // namespace

TensorInfo LatentSplit::keys(const TensorInfo& joint, const LatentSpec& spec, std::uint32_t heads) {
    const Codec* codec = find_codec(joint.type);
    if (codec->block_values != 1) codec = find_codec(std::uint32_t{0});
    return stack(joint, *codec, spec.plain, spec.rank, heads);
}

TensorInfo LatentSplit::values(const TensorInfo& joint, const LatentSpec& spec, std::uint32_t heads) {
    return stack(joint, *find_codec(joint.type), spec.rank, spec.value_dim, heads);
}

Status LatentSplit::read(const TensorInfo& info, std::uint64_t offset, std::span<std::byte> dst) const {
    return &info == &keys_ ? read_keys(offset, dst) : read_values(offset, dst);
}

Status LatentSplit::read_values(std::uint64_t offset, std::span<std::byte> dst) const {
    const std::uint64_t plain = keys_.shape[0], rows = values_.shape[1];
    const std::uint64_t row_bytes = find_codec(joint_.type)->row_bytes(values_.shape[0]), of_head = rows * row_bytes;
    while (!dst.empty()) {
        const std::uint64_t head = offset / of_head, at = offset % of_head;
        const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(dst.size(), of_head - at));
        HEARTH_TRY(stored_.read(joint_, (head * (plain + rows) + plain) * row_bytes + at, dst.first(bytes)));
        dst = dst.subspan(bytes);
        offset += bytes;
    }
    return {};
}

Status LatentSplit::read_keys(std::uint64_t offset, std::span<std::byte> dst) const {
    const auto plain = static_cast<std::size_t>(keys_.shape[0]), rank = static_cast<std::size_t>(keys_.shape[1]);
    const Codec &codec = *find_codec(joint_.type), &shown = *find_codec(keys_.type);
    const std::size_t element = shown.block_bytes, row_bytes = codec.row_bytes(rank);
    std::vector<std::byte> stored(plain * row_bytes);  // the rows of a head
    std::vector<float> decoded(&codec == &shown ? 0 : plain * rank);
    const auto* const rows =
        decoded.empty() ? stored.data() : reinterpret_cast<const std::byte*>(decoded.data());  // [plain, rank]
    for (std::size_t done = 0; done < dst.size();) {
        const std::uint64_t at = (offset + done) / element, head = at / (plain * rank);
        HEARTH_TRY(stored_.read(joint_, head * (plain + values_.shape[1]) * row_bytes, stored));
        if (!decoded.empty()) codec.decode(stored.data(), decoded.size() / codec.block_values, decoded.data());
        for (auto i = static_cast<std::size_t>(at % (plain * rank)); i < plain * rank && done < dst.size();
             ++i, done += element)
            std::memcpy(&dst[done], rows + (i % plain * rank + i / plain) * element, element);
    }
    return {};
}

}  // namespace hearth
