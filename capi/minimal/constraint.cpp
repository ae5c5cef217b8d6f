// Instead of ../constraint.cpp in a build without the chat layer.
#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

hearth_status left_out(const hearth_sampling* sampling, const void* text) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        HEARTH_NOT_NULL(text);
        return {Code::unsupported, "this build of hearth (HEARTH_MINIMAL) constrains no text"};
    });
}

}  // namespace

extern "C" {

hearth_status hearth_sampling_set_schema(hearth_sampling* sampling, const char* text, size_t) {
    return left_out(sampling, text);
}

hearth_status hearth_sampling_set_regex(hearth_sampling* sampling, const char* text, size_t) {
    return left_out(sampling, text);
}

hearth_status hearth_sampling_set_gbnf(hearth_sampling* sampling, const char* text, size_t) {
    return left_out(sampling, text);
}

hearth_status hearth_sampling_set_choices(hearth_sampling* sampling, const char* const* texts, const size_t*, size_t) {
    return left_out(sampling, texts);
}

hearth_status hearth_sampling_set_tool_choice(hearth_sampling* sampling, const char* tools, size_t, const char*,
                                              const char*) {
    return left_out(sampling, tools);
}

hearth_status hearth_sampling_clear_constraint(hearth_sampling* sampling) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(sampling);
        return {};
    });
}

}  // extern "C"
