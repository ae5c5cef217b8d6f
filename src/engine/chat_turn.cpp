#include "hearth/engine/chat_turn.hpp"

#include <algorithm>
#include <span>

#include "engine/json_text.hpp"
#include "hearth/base/cat.hpp"

namespace hearth {

namespace {

constexpr std::size_t kIdLetters = 9;

std::string letters(std::uint64_t value) {
    constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string out;
    for (std::size_t i = 0; i < kIdLetters; ++i, value /= kLetters.size()) out += kLetters[value % kLetters.size()];
    return out;
}

bool any_tools(std::string_view tools) {
    std::string squeezed;
    for (const char c : tools)
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r' && squeezed.size() < 5) squeezed += c;
    return !squeezed.empty() && squeezed != "null" && squeezed != "[]";
}

}  // namespace

std::string end_of_prompt(const Tokenizer& tokenizer, std::span<const Token> tokens) {
    constexpr std::size_t kMost = 64;
    std::string out;
    for (const Token t : tokens.last(std::min(tokens.size(), kMost))) out += tokenizer.piece(t, true);
    return out;
}

Result<ChatTurn> ChatTurn::create(ChatTurnOptions options, std::shared_ptr<const ChatTemplates> templates,
                                  const Tokenizer* tokenizer) {
    ChatParserOptions parser;
    parser.tools = std::move(options.tools);
    parser.dialect = std::move(options.dialect);
    if (parser.dialect.empty()) {
        const std::string* source = options.source ? &*options.source : nullptr;
        if (source == nullptr && templates != nullptr) source = templates->source_for(any_tools(parser.tools));
        if (source == nullptr && templates == nullptr)
            return Status(Code::invalid_argument, "there is neither a dialect nor a template or a model that tells it");
        parser.dialect = source != nullptr ? ChatParser::detect(*source) : "plain";
    }
    if (templates != nullptr) parser.control = templates->control().turn;
    Hasher hasher;
    hasher.add(options.prompt);
    hasher.add(std::as_bytes(std::span(options.prompt_tokens)));
    std::string end = std::move(options.prompt);
    if (const auto& tokens = options.prompt_tokens; tokenizer != nullptr) {
        const auto outside = [&](Token t) { return t < 0 || static_cast<std::size_t>(t) >= tokenizer->size(); };
        if (const auto at = std::ranges::find_if(tokens, outside); at != tokens.end())
            return Status(Code::out_of_range,
                          cat("token ", *at, " at position ", at - tokens.begin(), " of the prompt is outside ",
                              "the vocabulary of ", tokenizer->size(), " tokens"));
        end += end_of_prompt(*tokenizer, tokens);
    }
    parser.reasoning_open = options.reasoning_open || ChatParser::opens_reasoning(parser.dialect, end);
    HEARTH_ASSIGN(auto made, ChatParser::create(parser));
    ChatTurn turn(std::move(made));
    const auto names = ChatParser::dialects();
    turn.dialect_ = *std::ranges::find(names, std::string_view(parser.dialect));
    turn.templates_ = std::move(templates);
    turn.source_ = std::move(options.source);
    turn.prompt_ = hasher.digest();
    return turn;
}

void ChatTurn::feed(std::string_view piece) {
    parser_.feed(piece);
    take();
}

void ChatTurn::finish() {
    finished_ = true;
    parser_.finish();
    take();
}

bool ChatTurn::next(ChatEvent& event) {
    if (events_.empty()) return false;
    event = std::move(events_.front());
    events_.pop_front();
    return true;
}

bool ChatTurn::used(std::string_view id) const { return std::ranges::find(ids_, id) != ids_.end(); }

// Of the prompt and the call's place: the same for the same turn however its text is cut, another in the next turn.
std::string ChatTurn::made_id() const {
    for (std::uint64_t salt = 0;; ++salt) {
        Hasher hasher;
        hasher.add(prompt_);
        hasher.add(ids_.size());
        hasher.add(salt);
        std::string id = letters(hasher.digest().low);
        if (!ChatParser::rules(dialect_).short_ids) id.insert(0, "call_");
        if (!used(id)) return id;
    }
}

void ChatTurn::take() {
    ChatEvent event;
    while (parser_.next(event)) {
        switch (event.kind) {
            case ChatEvent::Kind::content:
                content_ += event.text;
                break;
            case ChatEvent::Kind::reasoning:
                reasoning_ += event.text;
                break;
            case ChatEvent::Kind::tool_begin:
                if (event.id.empty() || used(event.id)) event.id = made_id();
                ids_.push_back(event.id);
                open_ = Call{event.name, event.id, {}};
                break;
            case ChatEvent::Kind::tool_arguments:
                open_->arguments += event.text;
                break;
            case ChatEvent::Kind::tool_end:
                if (!event.id.empty() && !used(event.id)) open_->id = ids_.back() = event.id;
                event.text = open_->arguments;
                break;
        }
        if (open_) {
            event.name = open_->name;
            event.id = open_->id;
        }
        if (event.kind == ChatEvent::Kind::tool_end) {
            if (event.complete) calls_.push_back(*std::move(open_));
            open_.reset();
        }
        events_.push_back(std::move(event));
    }
}

std::string ChatTurn::message() const {
    CallStyle style;
    if (!calls_.empty()) {
        if (templates_ != nullptr) {
            style = templates_->call_style(source_ ? &*source_ : nullptr);
        } else if (source_) {
            const auto made = ChatTemplate::compile(*source_);
            if (made.ok()) style = call_style(*made, {});
        }
    }
    const bool thinking = ChatParser::rules(dialect_).thinking;
    const bool both = thinking && !calls_.empty() && !reasoning_.empty() && !content_.empty();
    const std::string reasoning = both ? cat(reasoning_, "\n\n", content_) : reasoning_;
    const std::string_view content = both ? std::string_view() : content_;
    JsonText json;
    json.begin_object().member("role", "assistant").key("content");
    if (content.empty() && !calls_.empty() && style.null_for_no_content)
        json.null();
    else
        json.value(content);
    if (!reasoning.empty()) {
        json.member("reasoning_content", reasoning);
        if (thinking) json.member("thinking", reasoning);
    }
    if (!calls_.empty()) {
        json.key("tool_calls").begin_array();
        for (const Call& call : calls_) {
            json.begin_object().member("id", call.id).member("type", "function").key("function");
            json.begin_object().member("name", call.name).key("arguments");
            if (style.arguments_as_text)
                json.value(call.arguments);
            else
                json.json(utf8_repair(call.arguments));
            json.end_object().end_object();
        }
        json.end_array();
    }
    return json.end_object().take();
}

}  // namespace hearth
