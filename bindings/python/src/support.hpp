// What the parts of the Python module share: statuses as exceptions, handles that survive close() and fork(), and calls
// that run without the interpreter's lock and still stop at Ctrl-C.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth.h"

namespace hearth_py {

namespace py = pybind11;

// A status that is not HEARTH_OK; becomes a hearth.Error of its class.
struct Failure {
    hearth_status status;
    std::string message;
};

// Of a call that this thread has just made.
void check(hearth_status status);
// HEARTH_ESTATE without a call: closed, in use, or made before a fork.
[[noreturn]] void refuse(const std::string& sentence);

// Counts the forks behind this process. hearth's threads do not follow into a child, so that nothing made before a fork is
// used or freed after it.
unsigned fork_generation();

// Gives the interpreter's lock away. Where the interpreter ends meanwhile, this thread waits for the end of the process:
// to be ended within C++ frames would end all of it. The thread that ends the interpreter may still come here, from a
// destructor: it alone has the lock then.
class Unlocked {
public:
    Unlocked();
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
    ~Unlocked();

private:
    bool ending_;
    PyThreadState* state_;
};

// What a callback of the library tells a waiting thread, which alone calls Python.
struct Progress {
    std::atomic<std::uint64_t> done{0}, total{0};
    std::atomic<bool> stop{false};
    py::object callable = py::none();  // callable(done, total)

    static std::int32_t tell(std::uint64_t done, std::uint64_t total, void* user);
    void report();  // with the lock; throws what the callable raises

private:
    std::uint64_t reported_ = ~std::uint64_t{0};
};

// Runs `work` without the interpreter's lock. In the main thread, where Python hears signals, and where progress is asked
// for, a thread of ours works and this one looks every 20 ms for signals and progress: an exception from there calls
// `cancel`, waits for the end of `work`, and goes on. Throws Failure for a status.
void run(const std::function<hearth_status()>& work, const std::function<void()>& cancel, Progress* progress = nullptr);
// The same, giving the status back instead of throwing where it is `expected`.
hearth_status run_expecting(hearth_status expected, const std::function<hearth_status()>& work,
                            const std::function<void()>& cancel, Progress* progress = nullptr);

// A handle, freed with its last user. close() makes later uses fail; what is running goes on.
template <class T, void (*Free)(T*)>
class Handle {
public:
    Handle() = default;
    explicit Handle(T* made) : made_(fork_generation()) {
        const unsigned generation = made_;
        held_ = std::shared_ptr<T>(made, [generation](T* p) {
            if (generation == fork_generation()) Free(p);
        });
    }

    std::shared_ptr<T> get(const char* what) const {
        if (held_ == nullptr) refuse(std::string("this ") + what + " is closed");
        if (made_ != fork_generation()) {
            refuse(std::string("this ") + what + " was made before a fork; make it in the process that uses it");
        }
        return held_;
    }
    void close() { held_.reset(); }
    bool closed() const { return held_ == nullptr; }

private:
    std::shared_ptr<T> held_;
    unsigned made_ = 0;
};

// One user at a time, as the thread class [object] asks: whoever comes second is refused instead of racing.
class Use {
public:
    Use(std::atomic<bool>& busy, const char* what) : busy_(busy) {
        if (busy_.exchange(true)) refuse(std::string("this ") + what + " is in use: by a generation, or by another thread");
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { busy_ = false; }

private:
    std::atomic<bool>& busy_;
};

// A text of the library's as str.
py::str take(hearth_text* text);
py::str text_of(const char* data, std::size_t length);
py::array read_only(py::array array);

// Texts as the library takes lists of them.
struct Texts {
    explicit Texts(const std::vector<std::string>& texts);
    std::vector<const char*> data;
    std::vector<std::size_t> lengths;
};

// Fills a buffer of the size that the library asks for.
template <class T, class Call>
std::vector<T> filled(Call&& call) {
    std::size_t needed = 0;
    const hearth_status first = call(static_cast<T*>(nullptr), std::size_t{0}, &needed);
    if (first != HEARTH_OK && first != HEARTH_EBUFS) check(first);
    std::vector<T> out(needed);
    if (needed != 0) check(call(out.data(), out.size(), &needed));
    return out;
}

void define_runtime(py::module_& m);
void define_model(py::module_& m);
void define_tokenizer(py::module_& m);
void define_session(py::module_& m);
void define_sampling(py::module_& m);
void define_generator(py::module_& m);
void define_chat(py::module_& m);

}  // namespace hearth_py
