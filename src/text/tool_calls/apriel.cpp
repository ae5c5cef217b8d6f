// ServiceNow Apriel 1.5: <tool_calls>[{"name": ..., "arguments": {...}, "id": ...}]</tool_calls>, after
// reasoning that opens with a sentence and closes with a mark.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCalls[] = {{Op::calls}, {Op::opt, "</tool_calls>"}};
constexpr Step kCall[] = {{Op::calls}, {Op::opt, "</tool_call>"}};
constexpr Trigger kTriggers[] = {{"<tool_calls>", kCalls}, {"<tool_call>", kCall}};
constexpr std::string_view kMarks[] = {"<tool_calls>["};
constexpr Tags kReasoning[] = {{"Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"}};
constexpr std::string_view kDrops[] = {"\n<|end|>", "[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]"};
constexpr Dialect kDialect = {.name = "apriel",
                              .marks = kMarks,
                              .triggers = kTriggers,
                              .reasoning = kReasoning,
                              .drops = kDrops,
                              .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_apriel() { return kDialect; }

}  // namespace hearth::text
