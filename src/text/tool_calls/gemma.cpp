// Gemma 1 to 3, which have no marks of their own and are told in the prompt: a ```tool_code block with Python calls,
// or JSON, in a block or alone.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kPython[] = {{Op::python}, {Op::opt, "```"}};
constexpr Step kJson[] = {{Op::calls}, {Op::opt, "```"}};
constexpr Trigger kTriggers[] = {{"```tool_code\n", kPython},
                                 {"```tool_code\n", kJson},
                                 {"```tool_call\n", kJson},
                                 {"```json\n", kJson, true, true}};
constexpr std::string_view kMarks[] = {"<start_of_turn>"};
constexpr Dialect kDialect = {.name = "gemma", .marks = kMarks, .triggers = kTriggers, .bare = true};

}  // namespace

const Dialect& dialect_gemma() { return kDialect; }

}  // namespace hearth::text
