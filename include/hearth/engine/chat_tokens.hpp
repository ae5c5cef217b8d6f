// A conversation as tokens, in which only the template may name control tokens: what people and tools wrote stays text.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "hearth/engine/chat.hpp"

namespace hearth {

// Rendered by `source`, or without it by the model's own template; `input` as in ChatTemplates::render. A control token
// that is spelled in a string of the messages, the tools or the further variables is no token. add_special: as the
// vocabulary asks, where the text does not begin with BOS.
Result<std::vector<Token>> chat_tokens(const ChatTemplates& templates, const Tokenizer& tokenizer,
                                       std::optional<std::string_view> source, std::string_view input,
                                       bool add_special);

}  // namespace hearth
