#include "formats/cursor.hpp"

#include <algorithm>
#include <cstring>

#include "hearth/base/cat.hpp"

namespace hearth::formats {

namespace {
constexpr std::size_t window_bytes = std::size_t{64} << 10;
}

Status Cursor::bytes(std::span<std::byte> dst, const char* what) {
    if (dst.empty()) return {};
    if (dst.size() > remaining()) {
        return {Code::malformed, cat("truncated: ", what, " needs ", dst.size(), " bytes at byte ", position_,
                                     ", the file has ", source_.size())};
    }
    if (!mapped_.empty()) {
        std::memcpy(dst.data(), mapped_.data() + position_, dst.size());
    } else if (dst.size() > window_bytes) {
        HEARTH_TRY(source_.read(position_, dst));
    } else {
        // position_ never runs behind the window: the cursor only moves forward.
        if (position_ + dst.size() > window_begin_ + window_.size()) {
            window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes, remaining())));
            window_begin_ = position_;
            HEARTH_TRY(source_.read(window_begin_, window_));
        }
        std::memcpy(dst.data(), window_.data() + (position_ - window_begin_), dst.size());
    }
    position_ += dst.size();
    return {};
}

Status Cursor::string(std::string& out, std::uint64_t most, const char* what) {
    std::uint64_t length = 0;
    HEARTH_TRY(number(length, what));
    if (length > remaining()) {
        return {Code::malformed, cat("truncated: ", what, " of ", length, " bytes at byte ", position_,
                                     ", the file has ", source_.size())};
    }
    if (length > most) {
        return {Code::malformed,
                cat(what, " at byte ", position_, " is ", length, " bytes long, at most ", most, " are allowed")};
    }
    out.resize(static_cast<std::size_t>(length));
    return bytes(std::as_writable_bytes(std::span<char>(out)), what);
}

}  // namespace hearth::formats
