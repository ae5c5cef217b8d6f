#include "hearth/base/blob.hpp"

#include <cstring>

#include "hearth/base/cat.hpp"

namespace hearth {

Status BlobWriter::bytes(std::span<const std::byte> bytes) {
    if (keeps()) hasher_.add(bytes);
    written_ += bytes.size();
    return put(bytes);
}

Status BlobMemory::put(std::span<const std::byte> bytes) {
    const std::uint64_t end = written();  // `bytes` included
    if (end > to_.size())
        return {Code::internal, cat("a blob of more than ", to_.size(), " bytes was counted as less")};
    if (!bytes.empty()) std::memcpy(to_.data() + (end - bytes.size()), bytes.data(), bytes.size());
    return {};
}

Status BlobReader::bytes(std::span<std::byte> to, std::string_view what) {
    if (to.size() > left())
        return {Code::malformed, cat("ends at byte ", source_.size(), ", within ", what, ", which takes ", to.size(),
                                     " bytes from byte ", position_)};
    HEARTH_TRY(source_.read(position_, to));
    hasher_.add(to);
    position_ += to.size();
    return {};
}

}  // namespace hearth
