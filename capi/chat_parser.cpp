#include "guard.h"
#include "hearth/engine/chat_turn.hpp"

using namespace hearth;        // NOLINT(google-build-using-namespace)
using namespace hearth::capi;  // NOLINT(google-build-using-namespace)

struct hearth_chat_parser {
    hearth::ChatTurn impl;
    std::shared_ptr<const hearth::Tokenizer> tokenizer;
    hearth::ChatEvent event;  // what the last next_event returned
};

namespace {

uint32_t kind_of(ChatEvent::Kind kind) {
    switch (kind) {
        case ChatEvent::Kind::content: return HEARTH_CHAT_CONTENT;
        case ChatEvent::Kind::reasoning: return HEARTH_CHAT_REASONING;
        case ChatEvent::Kind::tool_begin: return HEARTH_CHAT_TOOL_BEGIN;
        case ChatEvent::Kind::tool_arguments: return HEARTH_CHAT_TOOL_ARGUMENTS;
        case ChatEvent::Kind::tool_end: return HEARTH_CHAT_TOOL_END;
    }
    return 0;
}

Status fill_event(hearth_chat_event* out, const ChatEvent& e) {
    hearth_chat_event full{};
    full.kind = kind_of(e.kind);
    full.index = static_cast<uint32_t>(e.index);
    full.complete = e.complete ? 1 : 0;
    full.text = e.text.c_str();
    full.text_length = e.text.size();
    full.name = e.name.c_str();
    full.name_length = e.name.size();
    full.id = e.id.c_str();
    full.id_length = e.id.size();
    const size_t size = out->struct_size;
    return init_options(out, size, full, "hearth_chat_event");
}

Status not_finished(const hearth_chat_parser& parser) {
    if (parser.impl.finished()) return {Code::bad_state, "the turn is finished: a parser reads one turn"};
    return {};
}

Result<ChatTurnOptions> turn_options(const hearth_chat_parser_options& o) {
    ChatTurnOptions out;
    if ((o.flags & ~HEARTH_CHAT_REASONING_OPEN) != 0)
        return Status(Code::invalid_argument, cat("hearth_chat_parser_options.flags is ", o.flags, ", expected 0 or HEARTH_CHAT_REASONING_OPEN"));
    if (o.reserved != 0) return Status(Code::invalid_argument, "hearth_chat_parser_options.reserved is not 0");
    if (o.prompt != nullptr && o.prompt_tokens != nullptr)
        return Status(Code::invalid_argument, "hearth_chat_parser_options has both prompt and prompt_tokens");
    out.reasoning_open = o.flags != 0;
    if (o.dialect != nullptr) out.dialect = o.dialect;
    if (o.source != nullptr) {
        HEARTH_ASSIGN(const auto source, text_argument(o.source, o.source_length));
        out.source.emplace(source);
    }
    HEARTH_ASSIGN(const auto tools, text_argument(o.tools, o.tools_length));
    out.tools = tools;
    HEARTH_ASSIGN(const auto prompt, text_argument(o.prompt, o.prompt_length));
    out.prompt = prompt;
    if (o.prompt_token_count != 0) {
        if (o.prompt_tokens == nullptr) return null_argument("prompt_tokens");
        out.prompt_tokens.assign(o.prompt_tokens, o.prompt_tokens + o.prompt_token_count);
    }
    return out;
}

}  // namespace

extern "C" {

hearth_status hearth_chat_parser_options_init(hearth_chat_parser_options* options, size_t struct_size) {
    return guard([&] { return init_options(options, struct_size, hearth_chat_parser_options{}, "hearth_chat_parser_options"); });
}

hearth_status hearth_chat_parser_new(hearth_chat_parser** out, const hearth_tokenizer* tokenizer,
                                     const hearth_chat_parser_options* options) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        hearth_chat_parser_options o{};
        HEARTH_TRY(read_options(o, options, "hearth_chat_parser_options"));
        HEARTH_ASSIGN(auto turn, turn_options(o));
        if (tokenizer == nullptr && !turn.prompt_tokens.empty())
            return {Code::invalid_argument, "hearth_chat_parser_options.prompt_tokens needs a tokenizer"};
        HEARTH_ASSIGN(auto made, ChatTurn::create(std::move(turn), tokenizer != nullptr ? tokenizer->templates : nullptr,
                                                  tokenizer != nullptr ? tokenizer->impl.get() : nullptr));
        *out = new hearth_chat_parser{std::move(made), tokenizer != nullptr ? tokenizer->impl : nullptr, {}};
        return {};
    });
}

void hearth_chat_parser_free(hearth_chat_parser* parser) { delete parser; }

hearth_status hearth_chat_parser_feed(hearth_chat_parser* parser, const char* text, size_t length) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(parser);
        if (length != 0) HEARTH_NOT_NULL(text);
        HEARTH_TRY(not_finished(*parser));
        if (length != 0) parser->impl.feed({text, length});
        return {};
    });
}

hearth_status hearth_chat_parser_feed_event(hearth_chat_parser* parser, const hearth_event* event) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(parser);
        HEARTH_NOT_NULL(event);
        hearth_event e{};
        HEARTH_TRY(read_options(e, event, "hearth_event"));
        if (e.kind == HEARTH_EVENT_PREFILL) return {};
        if (e.kind != HEARTH_EVENT_TOKEN && e.kind != HEARTH_EVENT_FINISH)
            return {Code::invalid_argument, cat("hearth_event.kind is ", e.kind, ", expected HEARTH_EVENT_…")};
        if (e.text_length != 0 && e.text == nullptr) return null_argument("hearth_event.text");
        HEARTH_TRY(not_finished(*parser));
        if (e.text_length != 0) parser->impl.feed({e.text, e.text_length});
        if (e.kind == HEARTH_EVENT_FINISH) parser->impl.finish();
        return {};
    });
}

hearth_status hearth_chat_parser_finish(hearth_chat_parser* parser) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(parser);
        parser->impl.finish();
        return {};
    });
}

hearth_status hearth_chat_parser_next_event(hearth_chat_event* event, hearth_chat_parser* parser) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(event);
        HEARTH_NOT_NULL(parser);
        hearth_chat_event probe{};
        HEARTH_TRY(read_options(probe, event, "hearth_chat_event"));  // an event is not lost to a struct that cannot take it
        if (!parser->impl.next(parser->event)) return {Code::again, "no event yet"};
        return fill_event(event, parser->event);
    });
}

const char* hearth_chat_parser_raw(const hearth_chat_parser* parser, size_t* length) {
    if (length != nullptr) *length = parser != nullptr ? parser->impl.raw().size() : 0;
    return parser != nullptr ? parser->impl.raw().c_str() : "";
}

const char* hearth_chat_parser_dialect(const hearth_chat_parser* parser) {
    return parser != nullptr ? parser->impl.dialect().data() : nullptr;
}

hearth_status hearth_chat_parser_message(hearth_text** out, const hearth_chat_parser* parser) {
    return guard([&]() -> Status {
        HEARTH_NOT_NULL(out);
        *out = nullptr;
        HEARTH_NOT_NULL(parser);
        *out = new hearth_text{parser->impl.message()};
        return {};
    });
}

const char* hearth_chat_dialect(size_t i) { return ChatParser::dialect(i).data(); }

const char* hearth_chat_detect(const char* source, size_t length) {
    return ChatParser::detect(source != nullptr ? std::string_view(source, length) : std::string_view()).data();
}

}  // extern "C"
