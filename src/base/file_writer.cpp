#include "hearth/base/file_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 18;

Status failed(const std::string& path, const char* what, int error) {
    return {Code::io, cat(path, ": ", what, ": ", std::generic_category().message(error))};
}

}  // namespace

FileWriter::FileWriter(std::string path, std::string temporary, int fd, Kind kind)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd), kind_(kind) {}

Result<std::unique_ptr<FileWriter>> FileWriter::create(const std::string& path, Kind kind) {
    if (path.empty()) return Status(Code::invalid_argument, "the path of the file to write is empty");
    if (path.find('\0') != std::string::npos) {
        return Status(Code::invalid_argument,
                      cat("the path '", path.c_str(), "' contains a NUL byte after these characters"));
    }
    // Not mkstemp: its files are readable by their owner only, whatever the umask says.
    for (unsigned attempt = 0;; ++attempt) {
        std::string temporary = cat(path, ".", static_cast<long>(getpid()), "-", attempt, ".tmp");
        const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                            kind == Kind::secret ? 0600 : 0666);
        if (fd >= 0) return std::unique_ptr<FileWriter>(new FileWriter(path, std::move(temporary), fd, kind));
        if (errno == EINTR || (errno == EEXIST && attempt < 1000)) continue;
        const int error = errno;
        if (error == ENOENT || error == ENOTDIR) {
            return Status(Code::not_found, cat(path, ": cannot be created: its directory does not exist"));
        }
        return failed(path, "cannot be created", error);
    }
}

FileWriter::~FileWriter() {
    if (fd_ >= 0) close(fd_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status FileWriter::write_out(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return failed(path_, "cannot be written", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

Status FileWriter::flush() {
    Status status = write_out(buffer_);
    buffer_.clear();
    return status;
}

Status FileWriter::write(std::span<const std::byte> bytes) {
    if (fd_ < 0) return {Code::bad_state, cat(path_, ": is already finished")};
    written_ += bytes.size();
    if (buffer_.size() + bytes.size() > buffer_bytes) HEARTH_TRY(flush());
    if (bytes.size() >= buffer_bytes) return write_out(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
}

Status FileWriter::finish() {
    if (fd_ < 0) return {Code::bad_state, cat(path_, ": is already finished")};
    HEARTH_TRY(flush());
    if (kind_ == Kind::durable && fsync(fd_) != 0) return failed(path_, "cannot be written to the disk", errno);
    if (close(std::exchange(fd_, -1)) != 0) return failed(path_, "cannot be closed", errno);
    return {};
}

Status FileWriter::commit() {
    if (fd_ >= 0) HEARTH_TRY(finish());
    if (temporary_.empty()) return {Code::bad_state, cat(path_, ": is already committed")};
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return failed(path_, "cannot be given its name", errno);
    temporary_.clear();
    return {};
}

}  // namespace hearth
