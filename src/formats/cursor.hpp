// Reads a header front to back, in place where the source is mapped and through a window where it is not. The only
// way from bytes to values in this floor: each step is checked against what is left of the file.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "hearth/base/file.hpp"
#include "hearth/base/status.hpp"

namespace hearth::formats {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and read without swapping");

class Cursor {
public:
    explicit Cursor(const ByteSource& source) : source_(source), mapped_(source.view(0, source.size())) {}

    std::uint64_t position() const { return position_; }
    std::uint64_t remaining() const { return source_.size() - position_; }

    // `what` completes the sentence "truncated: … needs n bytes at byte p, the file has s".
    Status bytes(std::span<std::byte> dst, const char* what);
    template <class T>
    Status number(T& out, const char* what) {
        static_assert(std::is_arithmetic_v<T>);
        return bytes(std::as_writable_bytes(std::span<T, 1>(&out, 1)), what);
    }
    // A u64 length and that many bytes, at most `most`.
    Status string(std::string& out, std::uint64_t most, const char* what);

private:
    const ByteSource& source_;
    std::span<const std::byte> mapped_;
    std::uint64_t position_ = 0;
    std::vector<std::byte> window_;  // the bytes from window_begin_ on
    std::uint64_t window_begin_ = 0;
};

}  // namespace hearth::formats
