// Programs that are run for a model's calls of tools: both pipes are served at once, so that neither side waits for the
// other for ever.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common.hpp"

extern char** environ;

namespace cli {
namespace {

constexpr std::size_t kMostOutput = 16 << 20;

class Fd {
public:
    Fd() = default;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { close(); }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    int fd = -1;
};

[[noreturn]] void fail(const char* what, int error) { throw Failure(std::string(what) + ": " + std::strerror(error)); }

void make_pipe(Fd& read_end, Fd& write_end) {
    int ends[2];
    if (::pipe(ends) != 0) fail("cannot make a pipe", errno);
    read_end.fd = ends[0];
    write_end.fd = ends[1];
    for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

pid_t start(const std::string& command, int in, int out) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &ours);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::string shell = "/bin/sh", option = "-c", text = command;
    char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, shell.c_str(), &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) fail("cannot run /bin/sh", error);
    return pid;
}

// What went wrong, or "".
std::string end_of(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) return "error: ended by signal " + std::to_string(WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return "error: exit code " + std::to_string(WEXITSTATUS(status));
    return "";
}

}  // namespace

std::string run_program(const std::string& command, const std::string& input) {
    Fd in, feed, out, result;
    make_pipe(in, feed);
    make_pipe(result, out);
    ::fcntl(feed.fd, F_SETFL, O_NONBLOCK);
    const pid_t pid = start(command, in.fd, out.fd);
    in.close();
    out.close();
    std::string output;
    std::size_t fed = 0;
    while (true) {
        if (fed == input.size()) feed.close();
        pollfd ready[] = {{result.fd, POLLIN, 0}, {feed.fd, POLLOUT, 0}};
        ::poll(ready, 2, 100);
        if (interrupted() || output.size() > kMostOutput) {
            ::kill(pid, SIGTERM);
            end_of(pid);
            if (interrupted()) throw Interrupted{};
            throw Failure("'" + command + "' wrote more than 16 MB");
        }
        if (feed.fd >= 0 && ready[1].revents != 0) {
            const ssize_t n = ::write(feed.fd, input.data() + fed, input.size() - fed);
            if (n >= 0)
                fed += static_cast<std::size_t>(n);
            else if (errno != EAGAIN && errno != EINTR)
                fed = input.size();  // it does not read: its choice
        }
        if (ready[0].revents == 0) continue;
        char block[65536];
        const ssize_t n = ::read(result.fd, block, sizeof block);
        if (n > 0) output.append(block, static_cast<std::size_t>(n));
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) break;
    }
    feed.close();
    const std::string error = end_of(pid);
    if (!error.empty()) {
        note("hearth: '" + command + "': " + error);
        return error + "\n" + output;
    }
    if (output.ends_with('\n')) output.pop_back();
    return output;
}

}  // namespace cli
