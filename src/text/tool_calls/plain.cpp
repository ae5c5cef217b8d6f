// Templates that say nothing of tools: JSON alone, in a block, or between the tags that most models know.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kTagged[] = {{Op::calls}, {Op::opt, "</tool_call>"}};
constexpr Step kFenced[] = {{Op::calls}, {Op::opt, "```"}};
constexpr Trigger kTriggers[] = {{"<tool_call>", kTagged}, {"```json\n", kFenced, true, true}};
constexpr Dialect kDialect = {.name = "plain", .triggers = kTriggers, .bare = true};

}  // namespace

const Dialect& dialect_plain() { return kDialect; }

}  // namespace hearth::text
