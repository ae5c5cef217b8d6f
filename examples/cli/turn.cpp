#include "turn.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace cli {

using Json = nlohmann::ordered_json;

Turn::Turn(const hearth_tokenizer* tokenizer, const std::string& dialect, const std::string* source,
           const std::string& tools, const std::vector<hearth_token>& prompt, bool hide_reasoning)
    : hide_reasoning_(hide_reasoning) {
    hearth_chat_parser_options options;
    check(hearth_chat_parser_options_init(&options, sizeof options));
    options.dialect = dialect.c_str();
    if (source != nullptr) {
        options.source = source->data();
        options.source_length = source->size();
    }
    options.tools = tools.data();
    options.tools_length = tools.size();
    if (!prompt.empty()) {
        options.prompt_tokens = prompt.data();
        options.prompt_token_count = prompt.size();
    }
    hearth_chat_parser* made = nullptr;
    check(hearth_chat_parser_new(&made, tokenizer, &options));
    parser_.reset(made);
}

Turn::~Turn() {
    try {
        dim(false);
    } catch (...) {  // the terminal is gone
    }
}

void Turn::dim(bool on) {
    if (on == dimmed_) return;
    const char* const plain = std::getenv("NO_COLOR");
    if (!stdout_is_terminal() || (plain != nullptr && *plain != '\0')) return;
    dimmed_ = on;
    write_stdout(on ? "\033[2m" : "\033[22m");
}

void Turn::write(std::uint32_t kind, std::string_view text) {
    const bool call = kind == HEARTH_CHAT_TOOL_END;
    if (kind != last_ || call) {
        // A space after "Assistant:" and line breaks between the parts belong to the format.
        const auto first = text.find_first_not_of(" \n");
        if (first == std::string_view::npos) return;
        text.remove_prefix(first);
        dim(false);
        if (last_ != 0) write_stdout(call || last_ == HEARTH_CHAT_TOOL_END ? "\n" : "\n\n");
        last_ = kind;
    }
    dim(kind == HEARTH_CHAT_REASONING);
    write_stdout(text);
}

void Turn::show() {
    while (true) {
        hearth_chat_event event{};
        event.struct_size = sizeof event;
        const hearth_status next = hearth_chat_parser_next_event(&event, parser_.get());
        if (next == HEARTH_EAGAIN) return;
        check(next);
        const std::string_view text(event.text, event.text_length);
        if (event.kind == HEARTH_CHAT_CONTENT || (event.kind == HEARTH_CHAT_REASONING && !hide_reasoning_)) {
            write(event.kind, text);
        } else if (event.kind == HEARTH_CHAT_TOOL_END && event.complete != 0) {
            const std::string name(event.name, event.name_length);
            std::string line =
                "tool call: {\"name\": " + Json(name).dump(-1, ' ', false, Json::error_handler_t::replace) +
                ", \"arguments\": ";
            // One line: the line breaks that JSON may have stand between its values.
            for (const char c : text) line += c == '\n' || c == '\r' ? ' ' : c;
            write(event.kind, line + "}");
        }
    }
}

void Turn::feed(std::string_view text) {
    check(hearth_chat_parser_feed(parser_.get(), text.data(), text.size()));
    show();
}

void Turn::finish() {
    check(hearth_chat_parser_finish(parser_.get()));
    show();
    dim(false);
    write_stdout("\n");
}

std::string Turn::message() const {
    hearth_text* made = nullptr;
    check(hearth_chat_parser_message(&made, parser_.get()));
    const Text text(made);
    std::size_t length = 0;
    const char* const data = hearth_text_data(made, &length);
    return {data, length};
}

}  // namespace cli
