// Records that are written and read one after the other, with a digest of all of them: what a session is saved as.
// Numbers are little-endian. Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "hearth/base/file.hpp"
#include "hearth/base/file_writer.hpp"
#include "hearth/base/hash.hpp"
#include "hearth/base/status.hpp"

namespace hearth {

class BlobWriter {
public:
    virtual ~BlobWriter() = default;
    // False for one that only counts: what is expensive to make may be skip()ped.
    virtual bool keeps() const { return true; }
    Status bytes(std::span<const std::byte> bytes);
    template <class T>
    requires std::is_arithmetic_v<T> Status value(T value) { return bytes(std::as_bytes(std::span(&value, 1))); }
    void skip(std::uint64_t bytes) { written_ += bytes; }
    std::uint64_t written() const { return written_; }
    Hash128 digest() const { return hasher_.digest(); }

protected:
    virtual Status put(std::span<const std::byte> bytes) = 0;

private:
    Hasher hasher_;
    std::uint64_t written_ = 0;
};

class BlobCounter final : public BlobWriter {
public:
    bool keeps() const override { return false; }

protected:
    Status put(std::span<const std::byte>) override { return {}; }
};

// Into memory that the caller knows to be large enough, from BlobCounter.
class BlobMemory final : public BlobWriter {
public:
    explicit BlobMemory(std::span<std::byte> to) : to_(to) {}

protected:
    Status put(std::span<const std::byte> bytes) override;

private:
    std::span<std::byte> to_;
};

class BlobFile final : public BlobWriter {
public:
    explicit BlobFile(FileWriter& file) : file_(file) {}

protected:
    Status put(std::span<const std::byte> bytes) override { return file_.write(bytes); }

private:
    FileWriter& file_;
};

// Errors say where in the blob it ends too early.
class BlobReader {
public:
    explicit BlobReader(const ByteSource& source) : source_(source) {}
    Status bytes(std::span<std::byte> to, std::string_view what);
    template <class T>
    requires std::is_arithmetic_v<T> Result<T> value(std::string_view what) {
        T value{};
        Status s = bytes(std::as_writable_bytes(std::span(&value, 1)), what);
        if (!s.ok()) return s;
        return value;
    }
    std::uint64_t position() const { return position_; }
    std::uint64_t left() const { return source_.size() - position_; }
    Hash128 digest() const { return hasher_.digest(); }

private:
    const ByteSource& source_;
    Hasher hasher_;
    std::uint64_t position_ = 0;
};

}  // namespace hearth
