// Functionary 3.1: <function=name>{...}</function>; <|python_tag|> before code for its interpreter.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCall[] = {{Op::name, ">"}, {Op::json}, {Op::opt, "</function>"}};
constexpr Step kPython[] = {{Op::set, "python"}, {Op::json}};
constexpr Trigger kTriggers[] = {{"<function=", kCall}, {"<|python_tag|>", kPython}};
constexpr std::string_view kMarks[] = {"<{start_tag}={function_name}>", "version=v3-llama3.1", "version=v3.llama3.1"};
constexpr Dialect kDialect = {.name = "functionary", .marks = kMarks, .triggers = kTriggers};

}  // namespace

const Dialect& dialect_functionary() { return kDialect; }

}  // namespace hearth::text
