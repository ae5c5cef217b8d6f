// Apertus: <|tools_prefix|>[{"name": {arguments}}, ...]<|tools_suffix|>, reasoning from <|inner_prefix|> on.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCalls[] = {{Op::keyed}, {Op::opt, "<|tools_suffix|>"}};
constexpr Trigger kTriggers[] = {{"<|tools_prefix|>", kCalls}};
constexpr Tags kReasoning[] = {{"<|inner_prefix|>", "<|inner_suffix|>"}};
constexpr std::string_view kMarks[] = {"<|tools_prefix|>"};
constexpr std::string_view kDrops[] = {"<|assistant_end|>"};
constexpr Dialect kDialect = {.name = "apertus",
                              .marks = kMarks,
                              .triggers = kTriggers,
                              .reasoning = kReasoning,
                              .drops = kDrops,
                              .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_apertus() { return kDialect; }

}  // namespace hearth::text
