// What a chat model writes, taken apart as it arrives: the answer, the reasoning, and the calls of tools with their
// arguments as JSON text. Each family of models marks these in its own way, a dialect; the chat template tells which.
// Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth {

namespace text {
class ChatStream;
}

struct ChatEvent {
    enum class Kind {
        content,         // text: the next part of the answer
        reasoning,       // text: the next part of the reasoning
        tool_begin,      // index, name, and id where the model wrote one before the arguments
        tool_arguments,  // index, text: the next part of the arguments; together they are one JSON value
        tool_end,        // index, id; `complete` tells whether the call stands
    };
    Kind kind = Kind::content;
    std::string text;
    std::size_t index = 0;  // of the call within the turn, from 0
    std::string name;
    std::string id;
    // False in a tool_end: the call broke off or broke its grammar. It is withdrawn, and its text, as the model wrote
    // it, follows as content, so that nothing of what was written is lost.
    bool complete = true;
};

struct ChatParserOptions {
    std::string dialect = "plain";
    // The JSON array that the template was given ("" or "null": none). Types of parameters come from it where the
    // dialect writes values without quotes.
    std::string tools;
    bool reasoning_open = false;       // the prompt has opened the reasoning: see opens_reasoning()
    std::vector<std::string> control;  // further texts, such as the vocabulary's end of turn, that are never shown
};

// What the templates of a dialect ask of the messages that they render.
struct DialectRules {
    bool short_ids = false;  // ids of calls have nine letters and digits
    bool thinking = false;   // reasoning is "thinking", and stands for the answer beside a call too
};

class ChatParser {
public:
    // Refuses an unknown dialect and tools that are not an array of definitions.
    static Result<ChatParser> create(const ChatParserOptions& options);
    ~ChatParser();
    ChatParser(ChatParser&&) noexcept;
    ChatParser& operator=(ChatParser&&) noexcept;

    // Text as it arrives, cut anywhere. What may be the beginning of a mark waits for the text that tells.
    void feed(std::string_view piece);
    // No more text: what waited comes out. feed() after it does nothing.
    void finish();
    // The next event; false: none now.
    bool next(ChatEvent& event);
    // Every byte that was fed, as it was.
    const std::string& raw() const;

    // The names of all dialects, in the order in which detect() looks for their marks.
    static std::vector<std::string_view> dialects();
    // Its place in that list; null data beyond the last. Names end in a zero byte.
    static std::string_view dialect(std::size_t i);
    static DialectRules rules(std::string_view dialect);
    // The dialect of a template's source; "plain" where nothing in it tells.
    static std::string_view detect(std::string_view template_source);
    // Whether a rendered prompt ends inside the reasoning, as with templates that end in "<think>\n".
    static bool opens_reasoning(std::string_view dialect, std::string_view prompt);
    // The tag that ends the reasoning that the prompt ends in; "" where it ends in none, or a header ends it.
    static std::string_view reasoning_end(std::string_view dialect, std::string_view prompt);

private:
    explicit ChatParser(std::unique_ptr<text::ChatStream> stream);
    std::unique_ptr<text::ChatStream> stream_;
};

}  // namespace hearth
