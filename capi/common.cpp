#include "guard.h"

namespace hearth::capi {

namespace {

constexpr const char kOutOfMemory[] = "out of memory while reporting an error";

// Per thread, not per process: two copies of the library each have their own.
thread_local std::string last_error;
thread_local bool last_error_lost = false;

constexpr const char* kNames[] = {"HEARTH_OK",      "HEARTH_EINVAL",  "HEARTH_ENOMEM",     "HEARTH_EBUDGET",
                                  "HEARTH_EIO",     "HEARTH_EFORMAT", "HEARTH_EUNSUPPORTED", "HEARTH_ERANGE",
                                  "HEARTH_EBUFS",   "HEARTH_EAGAIN",  "HEARTH_ECANCELLED", "HEARTH_EISA",
                                  "HEARTH_ESTATE",  "HEARTH_ENOTFOUND", "HEARTH_EUTF8",    "HEARTH_EINTERNAL"};

// The numbers are promised to callers.
static_assert(static_cast<int>(Code::invalid_argument) == HEARTH_EINVAL && static_cast<int>(Code::out_of_memory) == HEARTH_ENOMEM);
static_assert(static_cast<int>(Code::over_budget) == HEARTH_EBUDGET && static_cast<int>(Code::io) == HEARTH_EIO);
static_assert(static_cast<int>(Code::malformed) == HEARTH_EFORMAT && static_cast<int>(Code::unsupported) == HEARTH_EUNSUPPORTED);
static_assert(static_cast<int>(Code::out_of_range) == HEARTH_ERANGE && static_cast<int>(Code::buffer_too_small) == HEARTH_EBUFS);
static_assert(static_cast<int>(Code::again) == HEARTH_EAGAIN && static_cast<int>(Code::cancelled) == HEARTH_ECANCELLED);
static_assert(static_cast<int>(Code::isa_unavailable) == HEARTH_EISA && static_cast<int>(Code::bad_state) == HEARTH_ESTATE);
static_assert(static_cast<int>(Code::not_found) == HEARTH_ENOTFOUND && static_cast<int>(Code::invalid_utf8) == HEARTH_EUTF8);
static_assert(static_cast<int>(Code::internal) == HEARTH_EINTERNAL);

}  // namespace

hearth_status fail(Code code, std::string_view message) noexcept {
    try {
        last_error.assign(message);
        last_error_lost = false;
    } catch (...) {
        last_error_lost = true;
    }
    return static_cast<hearth_status>(code);
}

hearth_status fail(const Status& status) noexcept { return fail(status.code(), status.message()); }

Result<std::string_view> text_argument(const char* text, std::size_t length) {
    if (text == nullptr && length != 0) return null_argument("text");
    return std::string_view(text, length);
}

Result<std::vector<std::string>> list_argument(const char* const* texts, const std::size_t* lengths, std::size_t count) {
    if (texts == nullptr && count != 0) return null_argument("texts");
    if (count > (std::size_t{1} << 20)) return Status(Code::out_of_range, cat(count, " texts are too many"));
    std::vector<std::string> list;
    for (std::size_t i = 0; i < count; ++i) {
        if (texts[i] == nullptr) return Status(Code::invalid_argument, cat("texts[", i, "] is null"));
        auto text = text_argument(texts[i], lengths != nullptr ? lengths[i] : std::strlen(texts[i]));
        if (!text.ok()) return std::move(text).status().in(cat("texts[", i, "]"));
        list.emplace_back(*text);
    }
    return list;
}

Result<EncodeOptions> encode_options(uint32_t flags) {
    if ((flags & ~(HEARTH_TOKENIZE_NO_SPECIAL | HEARTH_TOKENIZE_PARSE_SPECIAL)) != 0)
        return Status(Code::invalid_argument, cat("flags is ", flags, ", expected HEARTH_TOKENIZE_… only"));
    return EncodeOptions{(flags & HEARTH_TOKENIZE_NO_SPECIAL) == 0, (flags & HEARTH_TOKENIZE_PARSE_SPECIAL) != 0};
}

Result<Sampling> sampling_argument(const hearth_sampling* sampling) {
    if (sampling != nullptr) return sampling->impl;
    Sampling greedy;
    HEARTH_TRY(greedy.set("temperature", 0));
    return greedy;
}

}  // namespace hearth::capi

extern "C" {

const char* hearth_status_name(hearth_status status) {
    const auto count = static_cast<hearth_status>(sizeof hearth::capi::kNames / sizeof *hearth::capi::kNames);
    return status >= 0 && status < count ? hearth::capi::kNames[status] : "HEARTH_UNKNOWN";
}

const char* hearth_last_error(void) {
    return hearth::capi::last_error_lost ? hearth::capi::kOutOfMemory : hearth::capi::last_error.c_str();
}

const char* hearth_version(void) { return HEARTH_VERSION; }

const char* hearth_text_data(const hearth_text* text, size_t* length) {
    if (length != nullptr) *length = text != nullptr ? text->text.size() : 0;
    return text != nullptr ? text->text.c_str() : "";
}

void hearth_text_free(hearth_text* text) { delete text; }

}  // extern "C"
