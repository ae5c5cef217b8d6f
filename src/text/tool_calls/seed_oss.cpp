// Seed-OSS: Qwen3-Coder's shape within <seed:tool_call>, values without line breaks around them.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr ParamRule kParams = {
    .open = "<parameter=", .key_end = ">", .value_begin = {}, .close = "</parameter>", .end = "</function>"};
constexpr Step kOuter[] = {
    {Op::lit, "<function="}, {Op::name, ">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</seed:tool_call>"}};
constexpr Step kInner[] = {{Op::name, ">"}, {Op::params, {}, {}, &kParams}, {Op::opt, "</seed:tool_call>"}};
constexpr Trigger kTriggers[] = {{"<seed:tool_call>", kOuter}, {"<function=", kInner}};
constexpr std::string_view kMarks[] = {"<seed:tool_call>"};
constexpr std::string_view kDrops[] = {"<seed:eos>"};
constexpr Dialect kDialect = {.name = "seed_oss", .marks = kMarks, .triggers = kTriggers, .drops = kDrops};

}  // namespace

const Dialect& dialect_seed_oss() { return kDialect; }

}  // namespace hearth::text
