// MiniMax-M2: <minimax:tool_call><invoke name="..."><parameter name="...">value</parameter></invoke> and further
// invokes.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr ParamRule kParams = {
    .open = "<parameter name=\"", .key_end = "\">", .value_begin = {}, .close = "</parameter>", .end = "</invoke>"};
constexpr Step kOuter[] = {
    {Op::lit, "<invoke name=\""}, {Op::name, "\">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</minimax:tool_call>"}};
constexpr Step kInner[] = {{Op::name, "\">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</minimax:tool_call>"}};
constexpr Trigger kTriggers[] = {{"<minimax:tool_call>", kOuter}, {"<invoke name=\"", kInner}};
constexpr std::string_view kMarks[] = {"<minimax:tool_call>"};
constexpr std::string_view kDrops[] = {"[e~["};
constexpr Dialect kDialect = {.name = "minimax", .marks = kMarks, .triggers = kTriggers, .drops = kDrops};

}  // namespace

const Dialect& dialect_minimax() { return kDialect; }

}  // namespace hearth::text
