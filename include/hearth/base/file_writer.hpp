// Writes a file that appears whole or not at all: the bytes go to a temporary file beside it, which takes the name
// in commit(). Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth {

class FileWriter {
public:
    // durable: waits for the disk. secret: readable by its owner alone, and may be lost or damaged where the machine fails.
    enum class Kind : int { durable, secret };
    static Result<std::unique_ptr<FileWriter>> create(const std::string& path, Kind kind = Kind::durable);
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;
    ~FileWriter();  // without commit(): removes the temporary file and leaves what had the name before

    Status write(std::span<const std::byte> bytes);
    std::uint64_t written() const { return written_; }
    // Writes everything through to the disk, of a durable file; nothing can be added after it.
    Status finish();
    // finish() where it was not called, then gives the file its name. A symbolic link of this name is replaced, not
    // followed.
    Status commit();

private:
    FileWriter(std::string path, std::string temporary, int fd, Kind kind);
    Status flush();
    Status write_out(std::span<const std::byte> bytes);

    std::string path_, temporary_;
    int fd_;
    Kind kind_;
    std::vector<std::byte> buffer_;
    std::uint64_t written_ = 0;
};

}  // namespace hearth
