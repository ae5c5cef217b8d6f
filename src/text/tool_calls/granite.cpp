// IBM Granite 3: <|tool_call|>[{"name": ..., "arguments": {...}}]; answers after reasoning within <response>.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kList[] = {{Op::calls}};
constexpr Step kTagged[] = {{Op::calls}, {Op::opt, "</tool_call>"}};
constexpr Trigger kTriggers[] = {{"<|tool_call|>", kList}, {"<tool_call>", kTagged}};
constexpr std::string_view kMarks[] = {"<|tool_call|>"};
constexpr Tags kAnswer[] = {{"<response>", "</response>"}};
constexpr Dialect kDialect = {
    .name = "granite", .marks = kMarks, .triggers = kTriggers, .answer = kAnswer, .bare = true};

}  // namespace

const Dialect& dialect_granite() { return kDialect; }

}  // namespace hearth::text
