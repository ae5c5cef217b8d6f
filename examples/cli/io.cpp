// Files, pipes, terminals and Ctrl-C, on the POSIX calls: short writes, EINTR and full disks are all dealt with here.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common.hpp"

namespace cli {
namespace {

volatile std::sig_atomic_t interrupts = 0;
// What Ctrl-C is told through as well: a signal between a look at `interrupts` and a read would leave the read waiting,
// and one that another thread takes would not wake it at all.
int wake[2] = {-1, -1};

extern "C" void on_interrupt(int) {
    if (interrupts) _exit(130);
    interrupts = 1;
    const int error = errno;
    (void)!::write(wake[1], "", 1);
    errno = error;
}

// 0, or the errno of what went wrong.
int write_all(int fd, const char* data, std::size_t bytes) {
    while (bytes > 0) {
        const ssize_t n = ::write(fd, data, bytes);
        if (n >= 0) {
            data += n;
            bytes -= static_cast<std::size_t>(n);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// Bytes read, 0 at the end; -1 when Ctrl-C came before them.
ssize_t read_some(char* data, std::size_t bytes) {
    while (true) {
        pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {wake[0], POLLIN, 0}};
        if (::poll(ready, 2, -1) < 0 && errno != EINTR)
            throw Failure(std::string("cannot wait for standard input: ") + std::strerror(errno));
        if (interrupted()) return -1;
        if (ready[0].revents == 0) continue;
        const ssize_t n = ::read(STDIN_FILENO, data, bytes);
        if (n >= 0) return n;
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
            throw Failure(std::string("cannot read standard input: ") + std::strerror(errno));
    }
}

}  // namespace

void watch_interrupts() {
    if (::pipe(wake) != 0) throw Failure(std::string("cannot make a pipe: ") + std::strerror(errno));
    for (const int fd : wake) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    struct sigaction action = {};
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // write() reports it
}

bool interrupted() { return interrupts != 0; }
void clear_interrupt() {
    char byte;
    while (::read(wake[0], &byte, 1) > 0) {}
    interrupts = 0;
}

InterruptWatch::InterruptWatch(std::function<void()> act) {
    if (::pipe(done_) != 0) throw Failure(std::string("cannot make a pipe: ") + std::strerror(errno));
    for (const int fd : done_) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    thread_ = std::thread([this, act = std::move(act)] {
        while (!interrupted()) {
            pollfd ready[] = {{wake[0], POLLIN, 0}, {done_[0], POLLIN, 0}};
            if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
            if (ready[1].revents != 0) return;
        }
        act();
    });
}

InterruptWatch::~InterruptWatch() {
    ::close(done_[1]);
    thread_.join();
    ::close(done_[0]);
}

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

void write_stdout(std::string_view text) {
    const int error = write_all(STDOUT_FILENO, text.data(), text.size());
    if (error == EPIPE) throw BrokenPipe{};
    if (error != 0) throw Failure(std::string("cannot write to standard output: ") + std::strerror(error));
}

void note(std::string_view text) {
    const std::string line = std::string(text) + "\n";
    // Nobody is left to be told where this fails.
    (void)write_all(STDERR_FILENO, line.data(), line.size());
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (in.bad() || !in.is_open() || std::filesystem::is_directory(path)) throw Failure(path + ": cannot be read");
    return text;
}

std::string read_stdin() {
    std::string all;
    char block[65536];
    while (true) {
        const ssize_t n = read_some(block, sizeof block);
        if (n < 0) throw Interrupted{};
        if (n == 0) return all;
        all.append(block, static_cast<std::size_t>(n));
    }
}

bool read_line(std::string& line) {
    static std::string pending;  // read ahead of the line that was asked for
    static bool ended = false;
    while (true) {
        const auto end = pending.find('\n');
        if (end != std::string::npos || (ended && !pending.empty())) {
            line = pending.substr(0, end);
            pending.erase(0, end == std::string::npos ? end : end + 1);
            if (!line.empty() && line.back() == '\r') line.pop_back();
            return true;
        }
        if (ended) return false;
        char block[4096];
        const ssize_t n = read_some(block, sizeof block);
        if (n < 0) return false;
        ended = n == 0;
        pending.append(block, static_cast<std::size_t>(n));
    }
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
    struct stat found;
    const bool exists = ::stat(path_.c_str(), &found) == 0;
    if (exists && S_ISDIR(found.st_mode)) {
        errno = EISDIR;
        fail();
    }
    const bool direct = exists && !S_ISREG(found.st_mode);
    if (!direct) temporary_ = path_ + ".part" + std::to_string(::getpid());
    fd_ = ::open((direct ? path_ : temporary_).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (direct ? 0 : O_EXCL), 0666);
    if (fd_ < 0) {
        const int error = errno;
        temporary_.clear();  // not ours to remove
        errno = error;
        fail();
    }
}

OutputFile::~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::fail() const { throw Failure("cannot write '" + path_ + "': " + std::strerror(errno)); }

void OutputFile::write(const void* data, std::size_t bytes) {
    const int error = write_all(fd_, static_cast<const char*>(data), bytes);
    if (error == 0) return;
    if (error == EPIPE) throw BrokenPipe{};
    errno = error;
    fail();
}

void OutputFile::close() {
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) fail();
    if (temporary_.empty()) return;
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
}

}  // namespace cli
