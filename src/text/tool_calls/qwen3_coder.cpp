// Qwen3-Coder, Qwen 3.5, Nemotron 3:
// <tool_call><function=name><parameter=key>\nvalue\n</parameter></function></tool_call>. The models leave the outer
// tags out at times.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr ParamRule kParams = {.open = "<parameter=",
                               .key_end = ">",
                               .value_begin = {},
                               .close = "</parameter>",
                               .end = "</function>",
                               .newlines = true};
constexpr Step kOuter[] = {
    {Op::lit, "<function="}, {Op::name, ">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</tool_call>"}};
constexpr Step kInner[] = {{Op::name, ">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</tool_call>"}};
constexpr Step kJson[] = {{Op::calls}, {Op::opt, "</tool_call>"}};
constexpr Trigger kTriggers[] = {{"<tool_call>", kOuter}, {"<tool_call>", kJson}, {"<function=", kInner}};
constexpr std::string_view kMarks[] = {"<parameter="};
constexpr Dialect kDialect = {.name = "qwen3_coder", .marks = kMarks, .triggers = kTriggers};

}  // namespace

const Dialect& dialect_qwen3_coder() { return kDialect; }

}  // namespace hearth::text
