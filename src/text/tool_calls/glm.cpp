// GLM 4.5 to 4.7: <tool_call>name, <arg_key>key</arg_key>, <arg_value>value</arg_value>, </tool_call>.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr ParamRule kParams = {.open = "<arg_key>",
                               .key_end = "</arg_key>",
                               .value_begin = "<arg_value>",
                               .close = "</arg_value>",
                               .end = "</tool_call>"};
constexpr Step kCall[] = {{Op::word}, {Op::params, {}, {}, &kParams}};
constexpr Trigger kTriggers[] = {{"<tool_call>", kCall}};
constexpr std::string_view kMarks[] = {"<arg_key>"};
constexpr std::string_view kDrops[] = {"<|user|>", "<|observation|>", "<|assistant|>"};
constexpr Dialect kDialect = {.name = "glm", .marks = kMarks, .triggers = kTriggers, .drops = kDrops};

}  // namespace

const Dialect& dialect_glm() { return kDialect; }

}  // namespace hearth::text
