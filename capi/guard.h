// The wall between C++ and C: every entry that can fail runs in guard(), which turns a Status into a hearth_status and
// a sentence, and catches whatever would otherwise leave the library.
#pragma once

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "hearth.h"
#include "hearth/base/cat.hpp"
#include "hearth/base/status.hpp"
#include "hearth/engine/adapter.hpp"
#include "hearth/engine/chat.hpp"
#include "hearth/engine/generator.hpp"

struct hearth_text {
    std::string text;
};
struct hearth_runtime {
    std::shared_ptr<hearth::Runtime> impl;
};
struct hearth_model {
    std::shared_ptr<hearth::LoadedModel> impl;
};
struct hearth_tokenizer {
    std::shared_ptr<const hearth::Tokenizer> impl;
    std::shared_ptr<const hearth::ChatTemplates> templates;
};
struct hearth_decoder {
    std::shared_ptr<const hearth::Tokenizer> tokenizer;
    hearth::StreamDecoder impl;
    std::string text;  // what the last call returned
};
struct hearth_session {
    std::shared_ptr<hearth::Session> impl;
};
struct hearth_adapter {
    std::shared_ptr<const hearth::LoadedAdapter> impl;
};
struct hearth_sampling {
    hearth::Sampling impl;
};
struct hearth_generator {
    hearth::Generator impl;
    hearth::GenerateEvent event;  // what the last next_event returned
};

namespace hearth::capi {

// Stores the sentence for hearth_last_error; never throws.
hearth_status fail(Code code, std::string_view message) noexcept;
hearth_status fail(const Status& status) noexcept;

// Runs f, which returns a Status.
template <class F>
hearth_status guard(F&& f) noexcept {
    try {
        Status s = f();
        return s.ok() ? HEARTH_OK : fail(s);
    } catch (const std::bad_alloc&) {
        return fail(Code::out_of_memory, "the system refused memory");
    } catch (const std::exception& e) {
        return fail(Code::internal, e.what());
    } catch (...) {
        return fail(Code::internal, "an unknown exception reached the C interface");
    }
}

inline Status null_argument(const char* name) { return {Code::invalid_argument, cat(name, " is null")}; }

#define HEARTH_NOT_NULL(pointer) \
    if ((pointer) == nullptr) return ::hearth::capi::null_argument(#pointer)

// Reads a versioned option struct into the one of this library: shorter ones keep defaults, longer ones are accepted
// when what we do not know is zero.
template <class T>
Status read_options(T& out, const T* in, const char* name) {
    if (in == nullptr) return {};
    const std::size_t size = in->struct_size;
    if (size < sizeof(std::size_t) || size > 65536)
        return {Code::invalid_argument, cat(name, ".struct_size is ", size, ": call ", name, "_init first")};
    const auto* bytes = reinterpret_cast<const unsigned char*>(in);
    for (std::size_t i = sizeof(T); i < size; ++i)
        if (bytes[i] != 0) return {Code::invalid_argument, cat(name, " sets a field at byte ", i, " that hearth ", hearth_version(), " does not know")};
    std::memcpy(&out, in, size < sizeof(T) ? size : sizeof(T));
    out.struct_size = sizeof(T);
    return {};
}

// The _init functions: writes no more than the caller's struct has.
template <class T>
Status init_options(T* out, std::size_t size, const T& defaults, const char* name) {
    if (out == nullptr) return null_argument(name);
    if (size < sizeof(std::size_t) || size > 65536)
        return {Code::invalid_argument, cat("struct_size is ", size, ", expected sizeof(", name, ")")};
    std::memset(out, 0, size);
    std::memcpy(out, &defaults, size < sizeof(T) ? size : sizeof(T));
    std::memcpy(out, &size, sizeof size);  // struct_size comes first
    return {};
}

// Caller-buffer results: sets *needed, copies when there is room.
template <class T>
Status copy_out(T* buffer, std::size_t capacity, std::size_t* needed, const T* data, std::size_t count) {
    if (needed != nullptr) *needed = count;
    if (count > capacity) return {Code::buffer_too_small, cat("the buffer holds ", capacity, " entries, needed are ", count)};
    if (count != 0) {
        if (buffer == nullptr) return null_argument("buffer");
        std::memcpy(buffer, data, count * sizeof(T));
    }
    return {};
}

// A session that a generator runs is not the caller's to change.
Status check_idle(const hearth_session* session);
Result<std::string_view> text_argument(const char* text, std::size_t length);
// lengths may be null for zero-terminated texts.
Result<std::vector<std::string>> list_argument(const char* const* texts, const std::size_t* lengths, std::size_t count);
Result<EncodeOptions> encode_options(uint32_t flags);  // HEARTH_TOKENIZE_…
Result<Sampling> sampling_argument(const hearth_sampling* sampling);

}  // namespace hearth::capi
