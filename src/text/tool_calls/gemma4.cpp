// Gemma 4: <|tool_call>call:name{key:value}<tool_call|>, strings between <|"|>, reasoning in a channel.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCall[] = {{Op::lit, "call:"}, {Op::word}, {Op::braces, "<|\"|>"}, {Op::opt, "<tool_call|>"}};
constexpr Trigger kTriggers[] = {{"<|tool_call>", kCall}};
constexpr Tags kReasoning[] = {{"<|channel>thought", "<channel|>"}};
constexpr std::string_view kMarks[] = {"<|tool_call>"};
constexpr std::string_view kDrops[] = {"<turn|>", "<|tool_response>"};
constexpr Dialect kDialect = {.name = "gemma4",
                              .marks = kMarks,
                              .triggers = kTriggers,
                              .reasoning = kReasoning,
                              .drops = kDrops,
                              .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_gemma4() { return kDialect; }

}  // namespace hearth::text
