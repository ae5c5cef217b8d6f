// A turn of a chat model on the terminal: the answer as it is, reasoning dimmed, calls of tools on lines of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common.hpp"

namespace cli {

using ChatParser = Handle<hearth_chat_parser, hearth_chat_parser_free>;

class Turn {
public:
    // Empty dialect: the template's. Null source: the model's own template; null tokenizer: only to check the rest.
    Turn(const hearth_tokenizer* tokenizer, const std::string& dialect, const std::string* source,
         const std::string& tools, const std::vector<hearth_token>& prompt, bool hide_reasoning);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    void feed(std::string_view text);
    void finish();
    std::string message() const;  // the assistant's, as JSON

private:
    void show();
    void write(std::uint32_t kind, std::string_view text);
    void dim(bool on);

    ChatParser parser_;
    std::uint32_t last_ = 0;  // kind of what was written last
    bool hide_reasoning_, dimmed_ = false;
};

}  // namespace cli
