// DeepSeek: V3 and R1 write type, separator, name and the arguments in a ```json block, V3.1 name, separator and
// arguments.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr std::string_view kEnd = "<｜tool▁call▁end｜>", kSeparator = "<｜tool▁sep｜>",
                           kCallsEnd = "<｜tool▁calls▁end｜>";
constexpr Step kFenced[] = {{Op::skip, kSeparator}, {Op::name, "\n"}, {Op::lit, "```json"}, {Op::json},
                            {Op::opt, "```"},       {Op::opt, kEnd},  {Op::opt, kCallsEnd}};
constexpr Step kNamed[] = {{Op::name, kSeparator}, {Op::json}, {Op::opt, kEnd}, {Op::opt, kCallsEnd}};
constexpr Trigger kTriggers[] = {{"<｜tool▁call▁begin｜>", kFenced}, {"<｜tool▁call▁begin｜>", kNamed}};
constexpr std::string_view kMarks[] = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜Assistant｜>"};
constexpr std::string_view kDrops[] = {"<｜tool▁calls▁begin｜>", kCallsEnd, "<｜end▁of▁sentence｜>"};
constexpr Dialect kDialect = {
    .name = "deepseek", .marks = kMarks, .triggers = kTriggers, .drops = kDrops, .calls_in_reasoning = true};

}  // namespace

const Dialect& dialect_deepseek() { return kDialect; }

}  // namespace hearth::text
