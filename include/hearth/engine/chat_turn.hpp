// A turn of a chat model as it is written: the events of its text, calls with ids, and at the end the message that the
// next rendering is given. Thread class: one thread at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/hash.hpp"
#include "hearth/engine/chat.hpp"
#include "hearth/text/chat_parser.hpp"

namespace hearth {

struct ChatTurnOptions {
    std::string dialect;                // "": the template tells
    std::optional<std::string> source;  // of the template; none: the model's own
    std::string tools;                  // the JSON array that the template was given, or ""
    std::string prompt;                 // that the turn goes on from, or ""
    std::vector<Token> prompt_tokens;   // the same as tokens
    bool reasoning_open = false;        // whatever the prompt says
};

// As much of a prompt's text as may tell whether it ends in reasoning.
std::string end_of_prompt(const Tokenizer& tokenizer, std::span<const Token> tokens);

class ChatTurn {
public:
    // Both pointers are null, or neither is; without them the dialect or the template's source is given.
    static Result<ChatTurn> create(ChatTurnOptions options, std::shared_ptr<const ChatTemplates> templates,
                                   const Tokenizer* tokenizer);

    void feed(std::string_view piece);
    void finish();
    bool finished() const { return finished_; }
    // As of ChatParser, and: all events of a call have its name and an id, which is the model's own or one made here.
    // tool_end has the model's where it stood behind the arguments; its text is that of all arguments.
    bool next(ChatEvent& event);
    const std::string& raw() const { return parser_.raw(); }
    std::string_view dialect() const { return dialect_; }
    // {"role": "assistant", "content", "reasoning_content", "tool_calls"} of what came so far, in the style that the
    // template takes.
    std::string message() const;

private:
    struct Call {
        std::string name, id, arguments;
    };
    explicit ChatTurn(ChatParser parser) : parser_(std::move(parser)) {}
    void take();
    bool used(std::string_view id) const;
    std::string made_id() const;

    ChatParser parser_;
    std::string_view dialect_;
    std::shared_ptr<const ChatTemplates> templates_;
    std::optional<std::string> source_;
    Hash128 prompt_;
    std::deque<ChatEvent> events_;
    std::string content_, reasoning_;
    std::vector<Call> calls_;  // that stand
    std::optional<Call> open_;
    std::vector<std::string> ids_;  // of all calls that were begun
    bool finished_ = false;
};

}  // namespace hearth
