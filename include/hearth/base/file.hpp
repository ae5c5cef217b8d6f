// Where the bytes of a model come from: a file by path or descriptor, the host's memory, or the host's reader.
// Thread class: read and view from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "hearth/base/status.hpp"

namespace hearth {

// The host's functions; both must be callable from any thread. Non-zero from read means failure.
struct ReaderCallbacks {
    int (*read)(std::uint64_t offset, void* dst, std::size_t bytes, void* user) = nullptr;  // all the bytes or failure
    std::uint64_t size = 0;
    void* user = nullptr;
};

class ByteSource {
public:
    virtual ~ByteSource() = default;
    virtual const std::string& name() const = 0;  // for messages
    virtual std::uint64_t size() const = 0;
    // Copies dst.size() bytes from `offset`; an error when the range leaves the source or the bytes cannot be had.
    virtual Status read(std::uint64_t offset, std::span<std::byte> dst) const = 0;
    // The bytes in memory, valid as long as the source; empty when it is not mapped or the range leaves it.
    virtual std::span<const std::byte> view(std::uint64_t offset, std::uint64_t bytes) const = 0;
    // Whether views are of the source's own mapping, not of memory that somebody else holds.
    virtual bool maps() const { return false; }
    // The caller is done with the range: its pages may leave memory (they come back when touched).
    virtual void release(std::uint64_t offset, std::uint64_t bytes) const = 0;
};

// Files are memory-mapped where `access` says so; what cannot be mapped is read (a pipe is refused). A mapping that others
// shorten ends the process with SIGBUS, reading them only fails.
enum class FileAccess : int { map, read };
Result<std::unique_ptr<ByteSource>> open_path(const std::string& path, FileAccess access = FileAccess::map);
// Does not take ownership: the descriptor is duplicated.
Result<std::unique_ptr<ByteSource>> open_fd(int fd);
// Borrowed: must outlive the source.
Result<std::unique_ptr<ByteSource>> open_memory(std::span<const std::byte> bytes);
Result<std::unique_ptr<ByteSource>> open_reader(ReaderCallbacks reader);

}  // namespace hearth
