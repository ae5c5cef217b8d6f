// Errors as values: a code that maps one to one on hearth_status, and a sentence for the person who reads it.
// Thread class: values, freely copied between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hearth {

// The numbers are those of hearth_status in capi/hearth.h and never change meaning (tests/capi checks both).
enum class Code : std::int32_t {
    ok = 0,
    invalid_argument = 1,  // the caller's value is wrong: null, out of bounds, unknown key
    out_of_memory = 2,     // the system or the host's allocator refused
    over_budget = 3,       // would exceed the memory budget of the runtime
    io = 4,                // a file or reader could not deliver the bytes
    malformed = 5,         // a file contradicts its format
    unsupported = 6,       // well formed, but of a kind this build does not know
    out_of_range = 7,      // a position, token id or length beyond the model's or session's limit
    buffer_too_small = 8,  // the caller's buffer; *needed says how much
    again = 9,             // nothing to report now
    cancelled = 10,        // the host asked to stop
    isa_unavailable = 11,  // an instruction set that this CPU or build lacks
    bad_state = 12,        // the call does not fit what the object is doing
    not_found = 13,        // no such file, key or tensor
    invalid_utf8 = 14,     // text that is not UTF-8
    internal = 15,         // a defect of hearth
};

class [[nodiscard]] Status {
public:
    Status() = default;
    Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

    bool ok() const { return code_ == Code::ok; }
    explicit operator bool() const { return ok(); }
    // Memory was refused, by the system, the host or the budget: what has some may give it up.
    bool no_memory() const { return code_ == Code::out_of_memory || code_ == Code::over_budget; }
    Code code() const { return code_; }
    const std::string& message() const { return message_; }

    // Puts `where` in front of the sentence: "model.gguf: tensor ...".
    Status in(const std::string& where) && {
        if (!ok()) message_ = where + ": " + message_;
        return std::move(*this);
    }

private:
    Code code_ = Code::ok;
    std::string message_;
};

// Either a value or a Status that is not ok.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
    Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
        if (status_.ok()) status_ = Status(Code::internal, "a Result was made from an ok Status");
    }

    bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    const Status& status() const& { return status_; }
    Status status() && { return std::move(status_); }
    T& operator*() & { return *value_; }
    const T& operator*() const& { return *value_; }
    T&& operator*() && { return std::move(*value_); }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }

private:
    std::optional<T> value_;
    Status status_;
};

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)

// Returns from the calling function when `expr` (a Status) is not ok.
#define HEARTH_TRY(expr)                                                 \
    do {                                                                 \
        if (::hearth::Status hearth_try_status = (expr); !hearth_try_status.ok()) return hearth_try_status; \
    } while (0)

// HEARTH_ASSIGN(auto x, make_x()): declares or assigns from a Result, or returns its Status.
#define HEARTH_ASSIGN(target, expr) HEARTH_ASSIGN_(HEARTH_CONCAT(hearth_result_, __LINE__), target, expr)
#define HEARTH_ASSIGN_(tmp, target, expr)     \
    auto tmp = (expr);                        \
    if (!tmp.ok()) return std::move(tmp).status(); \
    target = *std::move(tmp)

}  // namespace hearth
