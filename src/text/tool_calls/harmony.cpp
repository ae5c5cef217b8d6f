// gpt-oss (OpenAI harmony): messages with a header that names channel and recipient:
// <|channel|>analysis<|message|>...<|end|>, <|start|>assistant to=functions.name<|channel|>commentary
// json<|message|>{...}<|call|>.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

// The word after the first `mark`.
std::string_view word_after(std::string_view header, std::string_view mark) {
    const std::size_t at = header.find(mark);
    if (at == std::string_view::npos) return {};
    header.remove_prefix(at + mark.size());
    return header.substr(0, header.find_first_of(" \n\t<"));
}

Header read(std::string_view header) {
    constexpr std::string_view kFunctions = "functions.";
    std::string_view to = word_after(header, "to=");
    if (to.starts_with(kFunctions)) return {.kind = Header::Kind::call, .name = to.substr(kFunctions.size())};
    if (!to.empty() && to != "user" && to != "all") return {.kind = Header::Kind::call, .name = to, .code = true};
    if (word_after(header, "<|channel|>") == "analysis") return {.kind = Header::Kind::reasoning};
    return {};
}

constexpr std::string_view kStarts[] = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "to="};
constexpr std::string_view kOpens[] = {"<|start|>", "<|channel|>"};
constexpr std::string_view kEnds[] = {"<|end|>", "<|call|>", "<|return|>"};
constexpr std::string_view kMarks[] = {"<|channel|>analysis"};
constexpr Step kCall[] = {{Op::json}, {Op::opt, "<|call|>"}};
constexpr Step kCode[] = {{Op::code, "<|call|>"}, {Op::opt, "<|call|>"}};
constexpr HeaderRule kHeaders = {.starts = kStarts,
                                 .stop = "<|message|>",
                                 .opens = kOpens,
                                 .ends = kEnds,
                                 .call = kCall,
                                 .code = kCode,
                                 .read = read};
constexpr Dialect kDialect = {.name = "harmony", .marks = kMarks, .headers = &kHeaders, .rules = {.thinking = true}};

}  // namespace

const Dialect& dialect_harmony() { return kDialect; }

}  // namespace hearth::text
