// Liquid LFM2: <|tool_call_start|>[name(key="value"), ...]<|tool_call_end|>, in the syntax of Python, or JSON.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kPython[] = {{Op::python}, {Op::opt, "<|tool_call_end|>"}};
constexpr Step kJson[] = {{Op::calls}, {Op::opt, "<|tool_call_end|>"}};
constexpr Trigger kTriggers[] = {{"<|tool_call_start|>", kPython}, {"<|tool_call_start|>", kJson}};
constexpr std::string_view kMarks[] = {"<|tool_list_start|>", "<|tool_call_start|>", "\"List of tools: [\""};
constexpr Dialect kDialect = {.name = "lfm2", .marks = kMarks, .triggers = kTriggers, .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_lfm2() { return kDialect; }

}  // namespace hearth::text
