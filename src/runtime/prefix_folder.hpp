// Parts of prefixes as files, for other processes and later: one file for each, which appears whole or not at all,
// named by digests of its tokens and of those before them. What a file says is taken for nothing: origin, layout, all
// tokens from the first one on and a checksum are compared, and what does not hold is removed. No file is waited for or
// locked: one that vanishes is not there, and two that write the same one write the same bytes.
//
// Files are used by their time of modification, the oldest go first, down to the limit.
// Nothing here fails: what cannot be written is told to the log once, and not kept.
//
// Thread class: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/hash.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/parallel.hpp"
#include "runtime/prefix_part.hpp"

namespace hearth {

class PrefixFolder {
public:
    PrefixFolder(std::string path, std::uint64_t limit, const Logger& log);

    struct File {
        Hash128 parent, key;
        std::size_t position = 0;
    };
    // Files by what they stand behind.
    class Listing {
    public:
        explicit Listing(std::vector<File> files);
        std::span<const File> behind(const Hash128& parent) const;
        bool has(const Hash128& parent, const Hash128& key, std::size_t position) const;

    private:
        std::vector<File> files_;
    };
    Listing list() const;

    // Whose tokens are looked for, and what computes them.
    struct Subject {
        Hash128 origin;
        const KvLayout& layout;
        std::span<const std::int32_t> tokens;
        std::size_t vocab;
    };
    // A part without its pages, and the tokens that it has in common with the subject from the first one on. Null:
    // there is no such file.
    std::shared_ptr<const PrefixPart> look(const File& file, const Subject& subject, std::size_t& common);
    // The whole one. Null: there is no such file, or no memory for it.
    std::shared_ptr<const PrefixPart> load(const File& file, const Subject& subject,
                                           const std::shared_ptr<Memory>& memory, std::size_t& common);
    // Parts that follow one another: the files that there are count as used, the others are written.
    void keep(std::span<const std::shared_ptr<const PrefixPart>> parts, const Subject& subject, Executor* executor);
    void use(std::span<const std::shared_ptr<const PrefixPart>> parts) const;
    void remove(const PrefixPart& part) const;
    void clear();

    struct Stats {
        std::uint64_t files = 0, bytes = 0;
        std::uint64_t written = 0, read = 0, evicted = 0, refused = 0;
    };
    Stats stats() const;

private:
    std::string path_of(const File& file) const;
    // With all tokens up to its end.
    Status read_header(BlobReader& blob, std::uint64_t size, const File& file, const Subject& subject, PrefixPart& part,
                       std::vector<std::int32_t>& tokens) const;
    Status read_content(BlobReader& blob, const Subject& subject, const std::shared_ptr<Memory>& memory,
                        PrefixPart& part) const;
    std::shared_ptr<const PrefixPart> read(const File& file, const Subject& subject,
                                           const std::shared_ptr<Memory>* memory, std::size_t& common);
    Status write(const PrefixPart& part, const Subject& subject) const;
    bool touch(const File& file, std::size_t back) const;
    void evict();
    void fail(const Status& status);

    std::string path_;
    std::uint64_t limit_;
    Logger log_;
    std::atomic<bool> told_{false};
    std::atomic<std::uint64_t> written_{0}, read_{0}, evicted_{0}, refused_{0};
};

}  // namespace hearth
