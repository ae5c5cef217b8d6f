// POSIX files: open, fstat, mmap, pread, madvise. A mapping costs no memory until its bytes are touched, and clean
// pages can leave memory at any time, which is what lets a model be larger than the memory its host may use.
// A file that shrinks while it is mapped raises SIGBUS on access: model files are replaced by rename, not rewritten.
#include "hearth/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

std::string system_text(int error) { return std::generic_category().message(error); }

// True when [offset, offset + bytes) lies within [0, size); written so that nothing can overflow.
bool inside(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
    return offset <= size && bytes <= size - offset;
}

class SourceBase : public ByteSource {
public:
    SourceBase(std::string name, std::uint64_t size) : name_(std::move(name)), size_(size) {}
    const std::string& name() const override { return name_; }
    std::uint64_t size() const override { return size_; }
    Status read(std::uint64_t offset, std::span<std::byte> dst) const override {
        if (!inside(offset, dst.size(), size_)) {
            return {Code::io,
                    cat(name_, ": ", dst.size(), " bytes from byte ", offset, " were asked for, it has ", size_)};
        }
        return dst.empty() ? Status() : read_inside(offset, dst);
    }
    std::span<const std::byte> view(std::uint64_t, std::uint64_t) const override { return {}; }
    void release(std::uint64_t, std::uint64_t) const override {}

protected:
    // `dst` is not empty and its range lies within the source.
    virtual Status read_inside(std::uint64_t offset, std::span<std::byte> dst) const = 0;

private:
    std::string name_;
    std::uint64_t size_;
};

class MemorySource : public SourceBase {
public:
    MemorySource(std::string name, std::span<const std::byte> bytes)
        : SourceBase(std::move(name), bytes.size()), bytes_(bytes) {}
    std::span<const std::byte> view(std::uint64_t offset, std::uint64_t bytes) const override {
        if (!inside(offset, bytes, size())) return {};
        return bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
    }

protected:
    Status read_inside(std::uint64_t offset, std::span<std::byte> dst) const override {
        std::memcpy(dst.data(), bytes_.data() + offset, dst.size());
        return {};
    }
    std::span<const std::byte> bytes_;
};

// Owns the mapping; the descriptor is not needed once it stands.
class MappedSource final : public MemorySource {
public:
    MappedSource(std::string name, void* base, std::size_t bytes)
        : MemorySource(std::move(name), {static_cast<const std::byte*>(base), bytes}), base_(base) {}
    MappedSource(const MappedSource&) = delete;
    MappedSource& operator=(const MappedSource&) = delete;
    ~MappedSource() override { munmap(base_, bytes_.size()); }

    bool maps() const override { return true; }
    void release(std::uint64_t offset, std::uint64_t bytes) const override {
        if (!inside(offset, bytes, size())) return;
        // Whole pages only: the first and last may hold a neighbour's bytes.
        const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        const std::uint64_t begin = (offset + page - 1) / page * page;
        const std::uint64_t end = (offset + bytes) / page * page;
        if (begin < end)
            madvise(static_cast<std::byte*>(base_) + begin, static_cast<std::size_t>(end - begin), MADV_DONTNEED);
    }

private:
    void* base_;
};

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

// For file systems that cannot map, and files larger than the address space.
class FileSource final : public SourceBase {
public:
    FileSource(std::string name, std::uint64_t size, Descriptor fd)
        : SourceBase(std::move(name), size), fd_(std::move(fd)) {}

protected:
    Status read_inside(std::uint64_t offset, std::span<std::byte> dst) const override {
        while (!dst.empty()) {
            // Linux and macOS refuse or shorten requests of 2 GiB and more.
            const std::size_t want = std::min<std::size_t>(dst.size(), std::size_t{1} << 30);
            const ssize_t got = pread(fd_.get(), dst.data(), want, static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return {Code::io, cat(name(), ": cannot be read at byte ", offset, ": ", system_text(errno))};
            if (got == 0)
                return {Code::io, cat(name(), ": ends at byte ", offset, ", it had ", size(), " when it was opened")};
            offset += static_cast<std::uint64_t>(got);
            dst = dst.subspan(static_cast<std::size_t>(got));
        }
        return {};
    }

private:
    Descriptor fd_;
};

class ReaderSource final : public SourceBase {
public:
    explicit ReaderSource(ReaderCallbacks reader) : SourceBase("the host's reader", reader.size), reader_(reader) {}

protected:
    Status read_inside(std::uint64_t offset, std::span<std::byte> dst) const override {
        const int code = reader_.read(offset, dst.data(), dst.size(), reader_.user);
        if (code == 0) return {};
        return {Code::io, cat(name(), ": failed with code ", code, " on ", dst.size(), " bytes from byte ", offset)};
    }

private:
    ReaderCallbacks reader_;
};

const char* kind_text(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISSOCK(mode)) return "a socket";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    return "of an unknown kind";
}

Result<std::unique_ptr<ByteSource>> open_descriptor(Descriptor fd, std::string name, FileAccess access) {
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return Status(Code::io, cat(name, ": cannot be examined: ", system_text(errno)));
    if (!S_ISREG(info.st_mode)) {
        return Status(Code::io, cat(name, ": is ", kind_text(info.st_mode), ", expected a regular file"));
    }
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size == 0)
        return std::unique_ptr<ByteSource>(
            std::make_unique<MemorySource>(std::move(name), std::span<const std::byte>()));
    if (access == FileAccess::map && size <= std::numeric_limits<std::size_t>::max()) {
        void* base = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, fd.get(), 0);
        if (base != MAP_FAILED) {
            return std::unique_ptr<ByteSource>(
                std::make_unique<MappedSource>(std::move(name), base, static_cast<std::size_t>(size)));
        }
    }
    return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(std::move(name), size, std::move(fd)));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_path(const std::string& path, FileAccess access) {
    if (path.empty()) return Status(Code::invalid_argument, "the path of a file is empty");
    if (path.find('\0') != std::string::npos) {
        return Status(Code::invalid_argument,
                      cat("the path '", path.c_str(), "' contains a NUL byte after these characters"));
    }
    int fd;
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    do fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        const int error = errno;
        if (error == ENOENT) return Status(Code::not_found, cat(path, ": no such file"));
        if (error == ENOTDIR)
            return Status(Code::not_found, cat(path, ": no such file: a part of the path is not a directory"));
        if (error == EACCES || error == EPERM) return Status(Code::io, cat(path, ": permission to read it is denied"));
        return Status(Code::io, cat(path, ": cannot be opened: ", system_text(error)));
    }
    return open_descriptor(Descriptor(fd), path, access);
}

Result<std::unique_ptr<ByteSource>> open_fd(int fd) {
    std::string name = cat("file descriptor ", fd);
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return Status(Code::invalid_argument, cat(name, ": is not an open descriptor"));
    if ((flags & O_ACCMODE) == O_WRONLY) return Status(Code::invalid_argument, cat(name, ": is open for writing only"));
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return Status(Code::io, cat(name, ": cannot be duplicated: ", system_text(errno)));
    return open_descriptor(Descriptor(copy), std::move(name), FileAccess::map);
}

Result<std::unique_ptr<ByteSource>> open_memory(std::span<const std::byte> bytes) {
    if (bytes.data() == nullptr && !bytes.empty()) {
        return Status(Code::invalid_argument, cat("the memory of a file is null, expected ", bytes.size(), " bytes"));
    }
    return std::unique_ptr<ByteSource>(std::make_unique<MemorySource>("memory", bytes));
}

Result<std::unique_ptr<ByteSource>> open_reader(ReaderCallbacks reader) {
    if (reader.read == nullptr) return Status(Code::invalid_argument, "the read function of the host's reader is null");
    return std::unique_ptr<ByteSource>(std::make_unique<ReaderSource>(reader));
}

}  // namespace hearth
