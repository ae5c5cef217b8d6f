// Hermes 2 and 3, Qwen 2.5 and 3, SmolLM3, MiMo, Granite 4: <tool_call>{"name": ..., "arguments": {...}}</tool_call>.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCall[] = {{Op::calls}, {Op::opt, "</tool_call>"}};
constexpr Trigger kTriggers[] = {{"<tool_call>", kCall}};
constexpr std::string_view kMarks[] = {"<tool_call>", "SmolLM"};
constexpr Dialect kDialect = {.name = "hermes", .marks = kMarks, .triggers = kTriggers};

}  // namespace

const Dialect& dialect_hermes() { return kDialect; }

}  // namespace hearth::text
