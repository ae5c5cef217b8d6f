// Arguments of tools as JSON text: the types that the tools' schemas tell, and values that models write in other
// notations than JSON.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/status.hpp"

namespace hearth::text {

// JSON's kinds, as a mask of what a parameter may be; 0: not told.
enum JsonKind : unsigned { kString = 1, kNumber = 2, kBoolean = 4, kArray = 8, kObject = 16, kNull = 32 };

class ToolSchemas {
public:
    // `tools`: a JSON array of {"type": "function", "function": {...}} or of the functions themselves; "": none.
    static Result<ToolSchemas> parse(std::string_view tools);
    bool empty() const { return tools_.empty(); }
    bool has(std::string_view tool) const { return tools_.find(tool) != tools_.end(); }
    unsigned kinds(std::string_view tool, std::string_view parameter) const;
    // The parameter at `position` of the schema; nothing where there is none.
    std::optional<std::string> parameter(std::string_view tool, std::size_t position) const;

private:
    using Parameters = std::vector<std::pair<std::string, unsigned>>;  // in the schema's order
    std::map<std::string, Parameters, std::less<>> tools_;
};

// The text that a JSON string stands for; nothing where `json` is none.
std::optional<std::string> json_string_text(std::string_view json);

// A value without quotes, as one of `kinds`, appended as JSON: JSON text and Python's literals where the kinds allow
// them, else a string.
void append_value(std::string& out, std::string_view text, unsigned kinds);

struct ReadCall {
    std::string name, arguments;
};

// `text` is name(key=value, ...), a list of these, or print() around one. Empty where it is anything else.
std::vector<ReadCall> read_python_calls(std::string_view text, const ToolSchemas& schemas);

// `text` is {key:value, ...} with strings between `quote`: as JSON.
std::optional<std::string> read_braces(std::string_view text, std::string_view quote);

}  // namespace hearth::text
