// Cohere Command R7B and A: reasoning, actions and response between control tokens of their own.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCalls[] = {{Op::calls}, {Op::opt, "<|END_ACTION|>"}};
constexpr Trigger kTriggers[] = {{"<|START_ACTION|>", kCalls}};
constexpr Tags kReasoning[] = {{"<|START_THINKING|>", "<|END_THINKING|>"}};
constexpr std::string_view kMarks[] = {"<|START_ACTION|>"};
constexpr std::string_view kDrops[] = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>",
                                       "<|END_OF_TURN_TOKEN|>"};
constexpr Dialect kDialect = {.name = "cohere",
                              .marks = kMarks,
                              .triggers = kTriggers,
                              .reasoning = kReasoning,
                              .drops = kDrops,
                              .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_cohere() { return kDialect; }

}  // namespace hearth::text
