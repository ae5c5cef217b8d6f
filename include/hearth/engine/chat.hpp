// The chat templates that a model carries, with the special tokens of its vocabulary.
// Thread class: immutable, shareable.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/text/chat_template.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

// The texts of a vocabulary's control tokens.
struct ControlTexts {
    std::vector<std::string> texts;
    std::array<bool, 256> first{};  // bytes that they begin with
    std::vector<std::string> turn;  // those that begin and end texts and turns
};

// How a template takes a message with calls: HF's templates agree on objects, but for a few.
struct CallStyle {
    bool arguments_as_text = false;    // a string that holds JSON instead of an object
    bool null_for_no_content = false;  // "content": null where there are calls only
};

class ChatTemplates {
public:
    // Of tokenizer.chat_template and tokenizer.chat_template.NAME.
    ChatTemplates(const Metadata& metadata, const Tokenizer& tokenizer);

    // "" is the default one; null: there is none of that name.
    const std::string* source(std::string_view name) const;
    // The one that a conversation with tools, or without, is rendered by.
    const std::string* source_for(bool tools) const;
    // With the model's template: where the input has tools, the one named tool_use if there is one.
    Result<std::string> render(std::string_view input) const;
    // With another one, and the model's special tokens.
    Result<std::string> render(std::string_view source, std::string_view input) const;
    // Of the model's template for tools, or of another.
    CallStyle call_style(const std::string* source) const;
    const ControlTexts& control() const { return control_; }

private:
    std::string_view name_for(bool tools) const;
    Result<ChatTemplate> compiled(std::string_view name) const;

    ControlTexts control_;
    std::map<std::string, std::string, std::less<>> sources_;
    TemplateDefaults defaults_;
    mutable std::mutex mutex_;  // of what follows
    mutable std::map<std::string, ChatTemplate, std::less<>> compiled_;
    mutable std::optional<CallStyle> style_;
};

// Found by rendering a small conversation.
CallStyle call_style(const ChatTemplate& made, const TemplateDefaults& defaults);

}  // namespace hearth
