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
    for (std::size_t i = 0; i < tokenizer.size(); ++i) {
        const auto id = static_cast<Token>(i);
        const TokenKind kind = tokenizer.kind(id);
        if ((kind != TokenKind::control && kind != TokenKind::unknown) || tokenizer.text(id).empty()) continue;
        control_.texts.emplace_back(tokenizer.text(id));
        control_.first[static_cast<unsigned char>(control_.texts.back().front())] = true;
        if (tokenizer.ends_generation(id)) control_.turn.push_back(control_.texts.back());
    }
    for (const SpecialToken which : {SpecialToken::bos, SpecialToken::unknown, SpecialToken::padding})
        if (const auto id = tokenizer.special(which)) control_.turn.emplace_back(tokenizer.text(*id));
    // Vocabularies end texts with line breaks as well, which answers have.
    std::erase_if(control_.turn, [](const std::string& text) {
        return text.find_first_not_of(" \t\r\n") == std::string::npos || text.size() == 1;
    });
}

const std::string* ChatTemplates::source(std::string_view name) const {
    const auto found = sources_.find(name == "default" ? std::string_view() : name);
    return found != sources_.end() ? &found->second : nullptr;
}

std::string_view ChatTemplates::name_for(bool tools) const {
    return source("tool_use") != nullptr && (source("") == nullptr || tools) ? "tool_use" : "";
}

const std::string* ChatTemplates::source_for(bool tools) const { return source(name_for(tools)); }

Result<ChatTemplate> ChatTemplates::compiled(std::string_view name) const {
    const std::string* const text = source(name);
    if (text == nullptr) return Status(Code::not_found, "the model carries no chat template");
    const std::scoped_lock lock(mutex_);
    auto at = compiled_.find(name);
    if (at == compiled_.end()) {
        auto made = ChatTemplate::compile(*text);
        if (!made.ok()) return std::move(made).status().in("the model's chat template");
        at = compiled_.emplace(name, *std::move(made)).first;
    }
    return at->second;
}

Result<std::string> ChatTemplates::render(std::string_view input) const {
    const bool ask = source("tool_use") != nullptr && source("") != nullptr;
    HEARTH_ASSIGN(const ChatTemplate chosen, compiled(name_for(ask && ChatTemplate::has_tools(input))));
    return chosen.render(input, defaults_);
}

Result<std::string> ChatTemplates::render(std::string_view source_text, std::string_view input) const {
    HEARTH_ASSIGN(const ChatTemplate made, ChatTemplate::compile(source_text));
    return made.render(input, defaults_);
}

CallStyle ChatTemplates::call_style(const std::string* source_text) const {
    if (source_text != nullptr) {
        const auto made = ChatTemplate::compile(*source_text);
        return made.ok() ? hearth::call_style(*made, defaults_) : CallStyle();
    }
    const auto own = compiled(name_for(true));
    if (!own.ok()) return {};
    {
        const std::scoped_lock lock(mutex_);
        if (style_) return *style_;
    }
    const CallStyle style = hearth::call_style(*own, defaults_);
    const std::scoped_lock lock(mutex_);
    style_ = style;
    return style;
}

CallStyle call_style(const ChatTemplate& made, const TemplateDefaults& defaults) {
    // A template takes a call in the style in which the call's argument comes out, and not as Python prints an object.
    for (const CallStyle style : {CallStyle{}, CallStyle{true, false}, CallStyle{false, true}, CallStyle{true, true}}) {
        const auto text = made.render(
            cat(R"({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": )",
                style.null_for_no_content ? "null" : R"("")",
                R"(, "tool_calls": [{"id": "call00001", "type": "function", "function": {"name": "probe", "arguments": )",
                style.arguments_as_text ? R"("{\"probed\": \"kqv83\"}")" : R"({"probed": "kqv83"})",
                R"(}}]}, {"role": "tool", "name": "probe", "tool_call_id": "call00001", "content": "R"}],
                   "tools": [{"type": "function", "function": {"name": "probe", "description": "D", "parameters": {
                   "type": "object", "properties": {"probed": {"type": "string", "description": "P"}}}}}],
                   "add_generation_prompt": true, "now": "2025-01-01T00:00:00"})"),
            defaults);
        const auto has = [&](std::string_view part) { return text->find(part) != std::string::npos; };
        if (text.ok() && has("kqv83") && !has("'probed': 'kqv83'") && !has(R"(\"probed\")")) return style;
    }
    return {};
}

}  // namespace hearth
