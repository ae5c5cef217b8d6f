// Llama 3.1 to 3.3: {"name": ..., "parameters": {...}} alone, also after <|python_tag|>; built-in tools as
// name.call(key="value").
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kJson[] = {{Op::calls}};
constexpr Step kPython[] = {{Op::python}};
constexpr Trigger kTriggers[] = {{"<|python_tag|>", kJson}, {"<|python_tag|>", kPython}};
constexpr std::string_view kMarks[] = {"<|python_tag|>", "<|start_header_id|>"};
constexpr Dialect kDialect = {.name = "llama3", .marks = kMarks, .triggers = kTriggers, .bare = true};

}  // namespace

const Dialect& dialect_llama3() { return kDialect; }

}  // namespace hearth::text
