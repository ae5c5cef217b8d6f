// Mistral: [TOOL_CALLS][{"name": ..., "arguments": {...}, "id": ...}], and since tokenizer v11
// [TOOL_CALLS]name[CALL_ID]id[ARGS]{...}; Magistral reasons within [THINK].
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kList[] = {{Op::calls}};
constexpr Step kNamed[] = {{Op::name, "[ARGS]", "[CALL_ID]"}, {Op::json}};
constexpr Step kBraced[] = {{Op::word}, {Op::json}};
constexpr Trigger kTriggers[] = {{"[TOOL_CALLS]", kList}, {"[TOOL_CALLS]", kNamed}, {"[TOOL_CALLS]", kBraced}};
constexpr std::string_view kMarks[] = {"[TOOL_CALLS]", "[INST]"};
constexpr Dialect kDialect = {.name = "mistral",
                              .marks = kMarks,
                              .triggers = kTriggers,
                              .bare = true,
                              .calls_in_reasoning = true,
                              .rules = {.short_ids = true}};

}  // namespace

const Dialect& dialect_mistral() { return kDialect; }

}  // namespace hearth::text
