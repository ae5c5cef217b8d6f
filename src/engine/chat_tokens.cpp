#include "hearth/engine/chat_tokens.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

using Json = nlohmann::ordered_json;

// Puts `mark` behind the first character of every control token that a string spells.
class Marker {
public:
    Marker(const ControlTexts& control, std::string mark) : mark_(std::move(mark)), control_(control) {}

    // All strings below `value`, keys of objects included, which templates print as well.
    void mark(Json& value) {
        if (value.is_string()) {
            mark(value.get_ref<std::string&>());
        } else if (value.is_array()) {
            for (Json& element : value) mark(element);
        } else if (value.is_object()) {
            Json marked = Json::object();
            for (auto& [key, member] : value.items()) {
                std::string name = key;
                mark(name);
                mark(member);
                marked[name] = std::move(member);
            }
            value = std::move(marked);
        }
    }
    bool any() const { return any_; }

private:
    void mark(std::string& text) {
        for (std::size_t at = 0; at < text.size(); ++at) {
            const auto spelled = [&](std::string_view s) { return std::string_view(text).substr(at).starts_with(s); };
            if (!control_.first[static_cast<unsigned char>(text[at])] || std::ranges::none_of(control_.texts, spelled))
                continue;
            std::size_t next = at + 1;
            while ((static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
            text.insert(next, mark_);
            at = next + mark_.size() - 1;
            any_ = true;
        }
    }

    std::string mark_;
    const ControlTexts& control_;
    bool any_ = false;
};

// A noncharacter, which no text should have, that this one does not have.
std::optional<std::string> unused_mark(std::string_view text) {
    for (unsigned char last = 0x90; last <= 0xAF; ++last) {
        std::string mark{'\xEF', '\xB7', static_cast<char>(last)};  // U+FDD0 to U+FDEF
        if (text.find(mark) == std::string_view::npos) return mark;
    }
    return std::nullopt;
}

}  // namespace

Result<std::vector<Token>> chat_tokens(const ChatTemplates& templates, const Tokenizer& tokenizer,
                                       std::optional<std::string_view> source, std::string_view input,
                                       bool add_special) {
    const auto render = [&](std::string_view json) {
        return source ? templates.render(*source, json) : templates.render(json);
    };
    // What is no JSON, or too deep, render() has the sentence for.
    HEARTH_ASSIGN(std::string text, render(input));
    const auto mark = unused_mark(input);
    if (!mark) return Status(Code::invalid_argument, "the input has every noncharacter from U+FDD0 to U+FDEF in it");
    Json json = Json::parse(input, nullptr, false);
    Marker marker(templates.control(), *mark);
    Json* const body = json.is_object() && json.contains("input") && json["input"].is_object() ? &json["input"] : &json;
    if (body->is_object())
        for (auto& [key, value] : body->items())
            // Those are the template's own tokens.
            if (!key.ends_with("_token")) marker.mark(value);
    if (marker.any()) {
        HEARTH_ASSIGN(text, render(json.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    // Out with the marks: a spelling begins at the character before each.
    std::string unmarked;
    std::vector<std::size_t> plain;
    for (std::size_t at = 0;;) {
        const std::size_t end = text.find(*mark, at);
        unmarked.append(text, at, end - at);
        if (end == std::string::npos) break;
        at = end + mark->size();
        std::size_t begin = unmarked.size();
        while (begin > 0 && (static_cast<unsigned char>(unmarked[--begin]) & 0xC0) == 0x80) {
        }
        plain.push_back(begin);
    }
    const auto bos = tokenizer.special(SpecialToken::bos);
    const std::string_view spelled = bos ? tokenizer.text(*bos) : std::string_view();
    const bool has_bos = !spelled.empty() && unmarked.starts_with(spelled) && (plain.empty() || plain.front() != 0);
    return tokenizer.encode(unmarked, {add_special && !has_bos, true, plain});
}

}  // namespace hearth
