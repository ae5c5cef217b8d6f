// Instead of ../chat_parser.cpp in a build without the chat layer: it knows no dialect, and there is no parser.
#include "guard.h"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

namespace {

hearth_status left_out(const void* argument) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(argument);
        return {Code::unsupported, "this build of hearth (HEARTH_MINIMAL) reads no turns of chat models"};
    });
}

}  // namespace

extern "C" {

hearth_status hearth_chat_parser_options_init(hearth_chat_parser_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_chat_parser_options{}, "hearth_chat_parser_options"); });
}

hearth_status hearth_chat_parser_new(hearth_chat_parser** out, const hearth_tokenizer*,
                                     const hearth_chat_parser_options*) {
    if (out != nullptr) *out = nullptr;
    return left_out(out);
}

void hearth_chat_parser_free(hearth_chat_parser*) {}

hearth_status hearth_chat_parser_feed(hearth_chat_parser* parser, const char*, size_t) { return left_out(parser); }

hearth_status hearth_chat_parser_feed_event(hearth_chat_parser* parser, const hearth_event*) { return left_out(parser); }

hearth_status hearth_chat_parser_finish(hearth_chat_parser* parser) { return left_out(parser); }

hearth_status hearth_chat_parser_next_event(hearth_chat_event*, hearth_chat_parser* parser) { return left_out(parser); }

const char* hearth_chat_parser_raw(const hearth_chat_parser*, size_t* length) {
    if (length != nullptr) *length = 0;
    return "";
}

const char* hearth_chat_parser_dialect(const hearth_chat_parser*) { return nullptr; }

hearth_status hearth_chat_parser_message(hearth_text** out, const hearth_chat_parser* parser) {
    if (out != nullptr) *out = nullptr;
    return left_out(parser);
}

const char* hearth_chat_dialect(size_t) { return nullptr; }

const char* hearth_chat_detect(const char*, size_t) { return "plain"; }

}  // extern "C"
