// MiniCPM 5: <function name="..."><param name="...">value</param></function>, values with marks in CDATA.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr ParamRule kParams = {.open = "<param name=\"",
                               .key_end = "\">",
                               .value_begin = {},
                               .close = "</param>",
                               .end = "</function>",
                               .newlines = false,
                               .cdata = true};
constexpr Step kCall[] = {{Op::name, "\">"}, {Op::params, {}, {}, &kParams}};
constexpr Trigger kTriggers[] = {{"<function name=\"", kCall}};
constexpr std::string_view kMarks[] = {"<function name=\""};
constexpr Dialect kDialect = {.name = "minicpm", .marks = kMarks, .triggers = kTriggers};

}  // namespace

const Dialect& dialect_minicpm() { return kDialect; }

}  // namespace hearth::text
