#include "runtime/prefix_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <new>
#include <system_error>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".prefix";
constexpr std::size_t kDigits = 32;                 // of a key
constexpr std::size_t kMostFiles = 1 << 14;         // that are kept
constexpr std::size_t kMostListed = 1 << 18;        // that are looked at
constexpr auto kAbandoned = std::chrono::hours(1);  // a temporary file that is older has nobody

bool less(const Hash128& a, const Hash128& b) { return a.low != b.low ? a.low < b.low : a.high < b.high; }

void add_digits(std::string& to, std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) to += "0123456789abcdef"[value >> shift & 15];
}

bool read_digits(std::string_view text, Hash128& hash) {
    const auto number = [](std::string_view digits, std::uint64_t& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        return error == std::errc() && end == digits.data() + digits.size() && digits.front() != '-';
    };
    return number(text.substr(0, kDigits / 2), hash.high) && number(text.substr(kDigits / 2), hash.low);
}

// PARENT-KEY-POSITION.prefix
std::string name_of(const PrefixFolder::File& file) {
    std::string name;
    add_digits(name, file.parent.high);
    add_digits(name, file.parent.low);
    name += '-';
    add_digits(name, file.key.high);
    add_digits(name, file.key.low);
    return cat(name, "-", file.position, kEnding);
}

bool read_name(std::string_view name, PrefixFolder::File& file) {
    if (!name.ends_with(kEnding) || name.size() < 2 * kDigits + 3 + kEnding.size()) return false;
    const std::string_view position = name.substr(2 * kDigits + 2, name.size() - 2 * kDigits - 2 - kEnding.size());
    const auto [end, error] = std::from_chars(position.data(), position.data() + position.size(), file.position);
    return name[kDigits] == '-' && name[2 * kDigits + 1] == '-' && read_digits(name.substr(0, kDigits), file.parent) &&
           read_digits(name.substr(kDigits + 1, kDigits), file.key) && error == std::errc() &&
           end == position.data() + position.size();
}

// Each regular file of a folder, whose name and entry it gets.
template <class Each>
void each_file(const std::string& folder, const Each& each) {
    std::error_code failed;
    std::size_t n = 0;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end && n < kMostListed;
         at.increment(failed), ++n) {
        std::error_code ignored;
        if (at->symlink_status(ignored).type() == fs::file_type::regular) each(at->path().filename().string(), *at);
    }
}

PrefixFolder::File file_of(const PrefixPart& part) { return {part.parent, part.key, part.cut.position}; }

}  // namespace

PrefixFolder::PrefixFolder(std::string path, std::uint64_t limit, const Logger& log)
    : path_(std::move(path)), limit_(limit), log_(log) {
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
    std::error_code failed;
    if (const fs::path above = fs::path(path_).parent_path(); !above.empty()) fs::create_directories(above, failed);
    // What it will hold is somebody's conversations.
    if (mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST)
        fail({Code::io, cat(path_, ": cannot be created: ", std::generic_category().message(errno))});
}

std::string PrefixFolder::path_of(const File& file) const { return cat(path_, "/", name_of(file)); }

void PrefixFolder::fail(const Status& status) {
    if (!told_.exchange(true))
        log_(LogLevel::warning, cat("prefixes are not kept in the folder '", path_, "': ", status.message()));
}

PrefixFolder::Listing::Listing(std::vector<File> files) : files_(std::move(files)) {
    std::ranges::sort(files_, [](const File& a, const File& b) { return less(a.parent, b.parent); });
}

std::span<const PrefixFolder::File> PrefixFolder::Listing::behind(const Hash128& parent) const {
    // Not std::ranges::equal_range, whose subrange clang 14 does not take.
    return {std::ranges::lower_bound(files_, parent, less, &File::parent),
            std::ranges::upper_bound(files_, parent, less, &File::parent)};
}

bool PrefixFolder::Listing::has(const Hash128& parent, const Hash128& key, std::size_t position) const {
    return std::ranges::any_of(behind(parent), [&](const File& f) { return f.key == key && f.position == position; });
}

PrefixFolder::Listing PrefixFolder::list() const {
    std::vector<File> files;
    each_file(path_, [&](const std::string& name, const fs::directory_entry&) {
        if (File file; read_name(name, file)) files.push_back(file);
    });
    return Listing(std::move(files));
}

std::shared_ptr<const PrefixPart> PrefixFolder::read(const File& file, const Subject& subject,
                                                     const std::shared_ptr<Memory>* memory, std::size_t& common) {
    const std::string path = path_of(file);
    const auto source = open_path(path, FileAccess::read);
    if (!source.ok()) return nullptr;  // it has gone meanwhile
    BlobReader blob(**source);
    const auto part = std::make_shared<PrefixPart>();
    std::vector<std::int32_t> tokens;
    Status status = read_header(blob, (*source)->size(), file, subject, *part, tokens);
    common = status.ok() ? common_tokens(tokens, subject.tokens) : 0;
    if (status.ok() && memory != nullptr) status = read_content(blob, subject, *memory, *part);
    if (status.ok()) return part;
    if (status.code() == Code::malformed) {
        ++refused_;
        log_(LogLevel::warning, cat(path, ": ", status.message(), ": it is removed"));
        std::error_code ignored;
        fs::remove(path, ignored);
    }
    return nullptr;
}

std::shared_ptr<const PrefixPart> PrefixFolder::look(const File& file, const Subject& subject, std::size_t& common) {
    return read(file, subject, nullptr, common);
}

std::shared_ptr<const PrefixPart> PrefixFolder::load(const File& file, const Subject& subject,
                                                     const std::shared_ptr<Memory>& memory, std::size_t& common) {
    auto part = read(file, subject, &memory, common);
    if (part != nullptr) ++read_;
    return part;
}

// False where there is no such file. Of files that are used together those that follow others are older: they go first.
bool PrefixFolder::touch(const File& file, std::size_t back) const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    constexpr long kSecond = 1000000000;
    const long nanoseconds = now.tv_nsec - static_cast<long>(std::min<std::size_t>(back, kMostFiles)) * 1000;
    now.tv_sec -= nanoseconds < 0 ? 1 : 0;
    now.tv_nsec = nanoseconds < 0 ? nanoseconds + kSecond : nanoseconds;
    const timespec times[2] = {now, now};
    return utimensat(AT_FDCWD, path_of(file).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0;
}

void PrefixFolder::use(std::span<const std::shared_ptr<const PrefixPart>> parts) const {
    for (std::size_t i = 0; i < parts.size(); ++i) touch(file_of(*parts[i]), i);
}

void PrefixFolder::remove(const PrefixPart& part) const {
    std::error_code ignored;
    fs::remove(path_of(file_of(part)), ignored);
}

void PrefixFolder::keep(std::span<const std::shared_ptr<const PrefixPart>> parts, const Subject& subject,
                        Executor* executor) {
    std::vector<const PrefixPart*> missing;
    // Blocks without pages are known by the keys of what stands behind them.
    const bool blocks = std::ranges::any_of(subject.layout.groups, plain);
    for (std::size_t i = 0; i < parts.size(); ++i)
        if ((blocks || !parts[i]->block) && !touch(file_of(*parts[i]), i)) missing.push_back(parts[i].get());
    if (missing.empty()) return;
    std::atomic<bool> failed{false};
    const auto one = [&](std::size_t i) {
        if (failed) return;
        try {
            if (const Status s = write(*missing[i], subject); s.ok()) {
                ++written_;
            } else {
                failed = true;
                fail(s);
            }
        } catch (const std::bad_alloc&) {
            // Then it is not kept.
        }
    };
    if (executor != nullptr)
        parallel_for(*executor, missing.size(), [&](std::size_t i, std::size_t) { one(i); });
    else
        for (std::size_t i = 0; i < missing.size(); ++i) one(i);
    use(parts);
    evict();
}

void PrefixFolder::evict() {
    struct Aged {
        std::string name;
        std::uint64_t bytes;
        fs::file_time_type time;
    };
    std::vector<Aged> files;
    std::uint64_t bytes = 0;
    const auto now = fs::file_time_type::clock::now();
    each_file(path_, [&](const std::string& name, const fs::directory_entry& entry) {
        std::error_code gone;
        const auto time = entry.last_write_time(gone);
        const std::uint64_t size = gone ? 0 : entry.file_size(gone);
        if (gone) return;
        if (File file; read_name(name, file)) {
            files.push_back({name, size, time});
            bytes += size;
        } else if (name.find(cat(kEnding, ".")) != std::string::npos && name.ends_with(".tmp") &&
                   now - time > kAbandoned) {
            fs::remove(entry.path(), gone);
        }
    });
    std::ranges::sort(files, {}, &Aged::time);
    std::size_t left = files.size();
    for (const Aged& file : files) {
        if (bytes <= limit_ && left <= kMostFiles) break;
        std::error_code failed;
        if (fs::remove(cat(path_, "/", file.name), failed)) ++evicted_;
        bytes -= file.bytes;
        --left;
    }
}

void PrefixFolder::clear() {
    std::vector<std::string> names;
    each_file(path_, [&](const std::string& name, const fs::directory_entry&) {
        if (File file; read_name(name, file)) names.push_back(name);
    });
    for (const std::string& name : names) {
        std::error_code ignored;
        fs::remove(cat(path_, "/", name), ignored);
    }
}

PrefixFolder::Stats PrefixFolder::stats() const {
    Stats s;
    each_file(path_, [&](const std::string& name, const fs::directory_entry& entry) {
        std::error_code gone;
        const std::uint64_t size = entry.file_size(gone);
        if (File file; gone || !read_name(name, file)) return;
        ++s.files;
        s.bytes += size;
    });
    s.written = written_;
    s.read = read_;
    s.evicted = evicted_;
    s.refused = refused_;
    return s;
}

}  // namespace hearth
