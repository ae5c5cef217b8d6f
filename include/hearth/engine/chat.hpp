// The chat templates that a model carries, with the special tokens of its vocabulary.
// Thread class: immutable, shareable.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "hearth/base/metadata.hpp"
#include "hearth/base/status.hpp"
#include "hearth/text/chat_template.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {

class ChatTemplates {
public:
    // Of tokenizer.chat_template and tokenizer.chat_template.NAME.
    ChatTemplates(const Metadata& metadata, const Tokenizer& tokenizer);

    // "" is the default one; null: there is none of that name.
    const std::string* source(std::string_view name) const;
    // With the model's template: where the input has tools, the one named tool_use if there is one.
    Result<std::string> render(std::string_view input) const;
    // With another one, and the model's special tokens.
    Result<std::string> render(std::string_view source, std::string_view input) const;

private:
    std::map<std::string, std::string, std::less<>> sources_;
    TemplateDefaults defaults_;
    mutable std::mutex mutex_;  // of compiled_
    mutable std::map<std::string, ChatTemplate, std::less<>> compiled_;
};

}  // namespace hearth
