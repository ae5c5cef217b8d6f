// Kimi K2: <|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{...}<|tool_call_end|> within a section.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCall[] = {{Op::indexed, "<|tool_call_argument_begin|>"},
                          {Op::json},
                          {Op::opt, "<|tool_call_end|>"},
                          {Op::opt, "<|tool_calls_section_end|>"}};
constexpr Trigger kTriggers[] = {{"<|tool_call_begin|>", kCall}};
constexpr std::string_view kMarks[] = {"<|tool_calls_section_begin|>"};
constexpr std::string_view kDrops[] = {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"};
constexpr Dialect kDialect = {
    .name = "kimi", .marks = kMarks, .triggers = kTriggers, .drops = kDrops, .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_kimi() { return kDialect; }

}  // namespace hearth::text
