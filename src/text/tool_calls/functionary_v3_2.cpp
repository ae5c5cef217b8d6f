// Functionary 3.2: messages ">>>recipient\nbody", where the recipient is a tool or "all". The prompt ends in ">>>".
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

Header read(std::string_view header) {
    if (header.starts_with(">>>")) header.remove_prefix(3);
    if (header == "all") return {};
    // Without the mark, the first line of an answer may stand here.
    if (header.empty() || header.find_first_of(" \t,;:!?'\"{}()<>") != std::string_view::npos)
        return {.kind = Header::Kind::none};
    return {.kind = Header::Kind::call, .name = header, .code = header == "python"};
}

constexpr std::string_view kStarts[] = {">>>", ""};
constexpr std::string_view kOpens[] = {">>>"};
constexpr std::string_view kMarks[] = {">>>all"};
constexpr Step kCall[] = {{Op::json}};
constexpr Step kCode[] = {{Op::code, ">>>"}};
constexpr HeaderRule kHeaders = {
    .starts = kStarts, .stop = "\n", .opens = kOpens, .ends = {}, .call = kCall, .code = kCode, .read = read};
constexpr Dialect kDialect = {.name = "functionary_v3_2", .marks = kMarks, .headers = &kHeaders};

}  // namespace

const Dialect& dialect_functionary_v3_2() { return kDialect; }

}  // namespace hearth::text
