// NVIDIA Nemotron Nano 2: <TOOLCALL>[{"name": ..., "arguments": {...}}, ...]</TOOLCALL>.
#include "text/tool_calls/dialect.hpp"

namespace hearth::text {

namespace {

constexpr Step kCall[] = {{Op::calls}, {Op::opt, "</TOOLCALL>"}};
constexpr Trigger kTriggers[] = {{"<TOOLCALL>", kCall}};
constexpr std::string_view kMarks[] = {"<TOOLCALL>"};
constexpr std::string_view kDrops[] = {"\n<SPECIAL_12>", "<SPECIAL_12>"};
constexpr Dialect kDialect = {.name = "nemotron", .marks = kMarks, .triggers = kTriggers, .drops = kDrops};

}  // namespace

const Dialect& dialect_nemotron() { return kDialect; }

}  // namespace hearth::text
