// A parsed turn of a model, put together from its events, for tests.
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "hearth/text/chat_parser.hpp"

namespace hearth::test {

struct Call {
    std::string name, arguments, id;
    bool complete = false;
    bool operator==(const Call&) const = default;
};

struct Turn {
    std::string content, reasoning, raw;
    std::vector<Call> calls;
    bool operator==(const Turn&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Turn& turn) {
    out << "content [" << turn.content << "] reasoning [" << turn.reasoning << "]";
    for (const Call& call : turn.calls)
        out << " call " << call.name << " #" << call.id << (call.complete ? " " : " cut ") << call.arguments;
    return out;
}

// Checks the order of the events as well: a call's stand together, its index counts up, no text is empty.
inline void collect(ChatParser& parser, Turn& turn, bool& open) {
    ChatEvent event;
    while (parser.next(event)) {
        switch (event.kind) {
            case ChatEvent::Kind::content:
            case ChatEvent::Kind::reasoning:
                REQUIRE_FALSE(open);
                REQUIRE_FALSE(event.text.empty());
                (event.kind == ChatEvent::Kind::content ? turn.content : turn.reasoning) += event.text;
                break;
            case ChatEvent::Kind::tool_begin:
                REQUIRE_FALSE(open);
                REQUIRE(event.index == turn.calls.size());
                REQUIRE_FALSE(event.name.empty());
                turn.calls.push_back({event.name, {}, event.id, false});
                open = true;
                break;
            case ChatEvent::Kind::tool_arguments:
                REQUIRE(open);
                REQUIRE(event.index + 1 == turn.calls.size());
                REQUIRE_FALSE(event.text.empty());
                turn.calls.back().arguments += event.text;
                break;
            case ChatEvent::Kind::tool_end:
                REQUIRE(open);
                REQUIRE(event.index + 1 == turn.calls.size());
                turn.calls.back().id = event.id;
                turn.calls.back().complete = event.complete;
                open = false;
                break;
        }
    }
}

inline Turn parsed(const std::vector<std::string>& pieces, const ChatParserOptions& options) {
    auto parser = ChatParser::create(options);
    REQUIRE_MESSAGE(parser.ok(), parser.status().message());
    Turn turn;
    bool open = false;
    for (const std::string& piece : pieces) {
        parser->feed(piece);
        collect(*parser, turn, open);
    }
    parser->finish();
    collect(*parser, turn, open);
    REQUIRE_FALSE(open);
    turn.raw = parser->raw();
    return turn;
}

inline std::vector<std::string> bytes_of(const std::string& text) {
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    return bytes;
}

// Two tools, f and g, and one that is built in.
inline constexpr const char* kChatTools = R"([
  {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
     "s": {"type": "string"}, "n": {"type": "integer"}, "b": {"type": "boolean"}, "o": {"type": "object"},
     "l": {"type": "array"}, "sn": {"type": ["string", "null"]}, "any": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
     "e": {"enum": ["1", "2"]}}}}},
  {"name": "g", "input_schema": {"properties": {"x": {"type": "number"}}}},
  {"type": "code_interpreter"}])";

inline Call call(std::string name, std::string arguments, std::string id = "") {
    return {std::move(name), std::move(arguments), std::move(id), true};
}
// A call that was withdrawn.
inline Call cut(std::string name, std::string arguments) { return {std::move(name), std::move(arguments), {}, false}; }

// The text gives the turn, whole, at every cut into two, and byte by byte.
inline void check_turn(const char* dialect, const std::string& text, const std::string& content,
                       const std::string& reasoning, const std::vector<Call>& calls = {}, bool reasoning_open = false,
                       const char* tools = kChatTools) {
    ChatParserOptions options;
    options.dialect = dialect;
    options.tools = tools;
    options.reasoning_open = reasoning_open;
    const Turn wanted{content, reasoning, text, calls};
    INFO(dialect << ": " << text);
    const Turn whole = parsed({text}, options);
    CHECK(whole == wanted);
    if (!(whole == wanted)) return;
    for (std::size_t at = 1; at < text.size(); ++at) {
        const Turn turn = parsed({text.substr(0, at), text.substr(at)}, options);
        if (!(turn == wanted)) FAIL_CHECK("cut at " << at << ": " << turn);
    }
    CHECK(parsed(bytes_of(text), options) == wanted);
    for (const Call& one : calls)
        if (one.complete) CHECK(nlohmann::json::accept(one.arguments));
}

}  // namespace hearth::test
