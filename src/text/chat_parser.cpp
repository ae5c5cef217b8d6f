#include "hearth/text/chat_parser.hpp"

#include <iterator>
#include <utility>

#include "hearth/base/cat.hpp"
#include "text/chat_stream.hpp"
#include "text/tool_calls/dialect.hpp"

namespace hearth {

namespace {

using DialectFn = const text::Dialect& (*)();

constexpr DialectFn kDialects[] = {
#define HEARTH_TOOL_DIALECT(name) text::dialect_##name,
#include "text/tool_calls/tool_calls.inc"
#undef HEARTH_TOOL_DIALECT
};

std::string_view trimmed_end(std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

const text::Dialect* text::dialect_named(std::string_view name) {
    for (const DialectFn dialect : kDialects)
        if (dialect().name == name) return &dialect();
    return nullptr;
}

ChatParser::ChatParser(std::unique_ptr<text::ChatStream> stream) : stream_(std::move(stream)) {}
ChatParser::~ChatParser() = default;
ChatParser::ChatParser(ChatParser&&) noexcept = default;
ChatParser& ChatParser::operator=(ChatParser&&) noexcept = default;

Result<ChatParser> ChatParser::create(const ChatParserOptions& options) {
    const text::Dialect* dialect = text::dialect_named(options.dialect);
    if (dialect == nullptr) {
        std::string names;
        for (const std::string_view name : dialects()) names += cat(names.empty() ? "" : ", ", name);
        return Status(Code::invalid_argument, cat("there is no dialect '", options.dialect, "'; there are ", names));
    }
    HEARTH_ASSIGN(auto schemas, text::ToolSchemas::parse(options.tools));
    return ChatParser(
        std::make_unique<text::ChatStream>(*dialect, std::move(schemas), options.control, options.reasoning_open));
}

void ChatParser::feed(std::string_view piece) { stream_->feed(piece); }
void ChatParser::finish() { stream_->finish(); }
bool ChatParser::next(ChatEvent& event) { return stream_->next(event); }
const std::string& ChatParser::raw() const { return stream_->raw(); }

std::vector<std::string_view> ChatParser::dialects() {
    std::vector<std::string_view> names;
    for (const DialectFn dialect : kDialects) names.push_back(dialect().name);
    return names;
}

std::string_view ChatParser::dialect(std::size_t i) {
    return i < std::size(kDialects) ? kDialects[i]().name : std::string_view();
}

DialectRules ChatParser::rules(std::string_view dialect) {
    const text::Dialect* const known = text::dialect_named(dialect);
    return known != nullptr ? known->rules : DialectRules();
}

std::string_view ChatParser::detect(std::string_view template_source) {
    for (const DialectFn dialect : kDialects)
        for (const std::string_view mark : dialect().marks)
            if (template_source.find(mark) != std::string_view::npos) return dialect().name;
    return "plain";
}

std::string_view ChatParser::reasoning_end(std::string_view dialect, std::string_view prompt) {
    prompt = trimmed_end(prompt);
    const auto end_of = [&](std::span<const text::Tags> list) {
        for (const text::Tags& tags : list)
            if (prompt.ends_with(tags.open)) return tags.close;
        return std::string_view();
    };
    const text::Dialect* known = text::dialect_named(dialect);
    if (known != nullptr)
        if (const std::string_view end = end_of(known->reasoning); !end.empty()) return end;
    return known != nullptr && known->headers != nullptr ? std::string_view() : end_of(text::common_reasoning());
}

bool ChatParser::opens_reasoning(std::string_view dialect, std::string_view prompt) {
    if (!reasoning_end(dialect, prompt).empty()) return true;
    prompt = trimmed_end(prompt);
    const text::Dialect* known = text::dialect_named(dialect);
    if (known == nullptr || known->headers == nullptr) return false;
    const text::HeaderRule& rule = *known->headers;
    if (!prompt.ends_with(rule.stop)) return false;
    const std::size_t start = prompt.rfind(rule.opens.front());
    return start != std::string_view::npos && rule.read(prompt.substr(start)).kind == text::Header::Kind::reasoning;
}

}  // namespace hearth
