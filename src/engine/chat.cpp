#include "hearth/engine/chat.hpp"

#include <variant>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {
constexpr std::string_view kKey = "tokenizer.chat_template";
}

ChatTemplates::ChatTemplates(const Metadata& metadata, const Tokenizer& tokenizer) {
    for (auto at = metadata.values().lower_bound(kKey); at != metadata.values().end() && at->first.starts_with(kKey);
         ++at) {
        const std::string_view rest = std::string_view(at->first).substr(kKey.size());
        const auto* const text = std::get_if<std::string>(&at->second);
        if (text != nullptr && (rest.empty() || (rest.starts_with('.') && rest.size() > 1)))
            sources_.emplace(rest.empty() ? rest : rest.substr(1), *text);
    }
    constexpr std::pair<std::string_view, SpecialToken> tokens[] = {
        {"bos_token", SpecialToken::bos},     {"eos_token", SpecialToken::eos},
        {"unk_token", SpecialToken::unknown}, {"sep_token", SpecialToken::separator},
        {"pad_token", SpecialToken::padding}, {"mask_token", SpecialToken::mask}};
    for (const auto& [name, which] : tokens)
        if (const auto id = tokenizer.special(which)) defaults_.emplace_back(name, tokenizer.piece(*id, true));
}

const std::string* ChatTemplates::source(std::string_view name) const {
    const auto found = sources_.find(name == "default" ? std::string_view() : name);
    return found != sources_.end() ? &found->second : nullptr;
}

Result<std::string> ChatTemplates::render(std::string_view input) const {
    const bool for_tools = source("tool_use") != nullptr && (source("") == nullptr || ChatTemplate::has_tools(input));
    const std::string_view name = for_tools ? "tool_use" : "";
    const std::string* const text = source(name);
    if (text == nullptr) return Status(Code::not_found, "the model carries no chat template");
    ChatTemplate chosen;
    {
        const std::scoped_lock lock(mutex_);
        auto at = compiled_.find(name);
        if (at == compiled_.end()) {
            auto made = ChatTemplate::compile(*text);
            if (!made.ok()) return std::move(made).status().in("the model's chat template");
            at = compiled_.emplace(name, *std::move(made)).first;
        }
        chosen = at->second;
    }
    return chosen.render(input, defaults_);
}

Result<std::string> ChatTemplates::render(std::string_view source_text, std::string_view input) const {
    HEARTH_ASSIGN(const ChatTemplate made, ChatTemplate::compile(source_text));
    return made.render(input, defaults_);
}

}  // namespace hearth
