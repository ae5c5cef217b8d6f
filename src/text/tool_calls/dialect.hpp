// A dialect of tool calls as data: the marks that open a call and the steps that read it. A new dialect is a file
// beside this one that defines dialect_NAME(), and its line in tool_calls.inc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hearth/text/chat_parser.hpp"

namespace hearth::text {

// Arguments written one by one between tags, values without quotes.
struct ParamRule {
    std::string_view open;         // "<parameter="
    std::string_view key_end;      // ">"
    std::string_view value_begin;  // a tag between key and value, or ""
    std::string_view close;        // "</parameter>"
    std::string_view end;          // what ends the list: "</function>"
    bool newlines = false;         // one line break at either end of a value belongs to the tags
    bool cdata = false;            // <![CDATA[...]]> around a value
};

enum class Op : std::uint8_t {
    lit,      // `text` stands here
    opt,      // `text` may stand here
    skip,     // anything up to `text`
    set,      // the name is `text`
    name,     // the name up to `text`; where `alt` comes first, an id stands between `alt` and `text`
    indexed,  // "functions.NAME:0" up to `text`: the whole is the id
    word,     // the name, as long as its characters go
    json,     // the arguments as JSON
    code,     // the arguments as JSON, or a text up to `text` that becomes a JSON string
    calls,    // JSON objects with name and arguments, in a list or in a row
    keyed,    // JSON objects whose one key is the name and whose value the arguments
    params,   // arguments by `params`
    python,   // name(key=value, ...), alone, in a list, or within print()
    braces,   // {key:value} with strings between `text`
};

struct Step {
    Op op;
    std::string_view text = {};
    std::string_view alt = {};
    const ParamRule* params = nullptr;
};

// The text that may open a call. Triggers with equal texts are tried in their order.
struct Trigger {
    std::string_view text;
    std::span<const Step> steps;
    // The text is no control token, and may be part of an answer: only what surely is a call is taken as one.
    bool strict = false;
    bool at_start = false;  // only where the answer begins
};

struct Tags {
    std::string_view open, close;
};

// What a message's header says of its body.
struct Header {
    enum class Kind : std::uint8_t { content, reasoning, call, none } kind = Kind::content;
    std::string_view name = {};
    bool code = false;  // the body of the call need not be JSON
};

// Dialects whose turn is a row of messages with headers.
struct HeaderRule {
    std::span<const std::string_view> starts;  // what a header may begin with; "" stands for a letter
    std::string_view stop;                     // ends the header
    std::span<const std::string_view> opens;   // begin a header within a body
    std::span<const std::string_view> ends;    // end a body
    std::span<const Step> call, code;          // the bodies of calls
    Header (*read)(std::string_view header);
};

struct Dialect {
    std::string_view name;
    std::span<const std::string_view> marks = {};  // in the source of a template: any of them
    std::span<const Trigger> triggers = {};
    std::span<const Tags> reasoning = {};          // besides those that all dialects know
    std::span<const Tags> answer = {};             // tags around an answer, where one begins
    std::span<const std::string_view> drops = {};  // control tokens that are never shown
    bool bare = false;                             // a call may stand alone as JSON, without any mark
    bool calls_in_reasoning = false;               // the marks are control tokens and end or interrupt the reasoning
    const HeaderRule* headers = nullptr;
    DialectRules rules = {};
};

#define HEARTH_TOOL_DIALECT(name) const Dialect& dialect_##name();
#include "text/tool_calls/tool_calls.inc"
#undef HEARTH_TOOL_DIALECT

const Dialect* dialect_named(std::string_view name);  // null: there is none

}  // namespace hearth::text
