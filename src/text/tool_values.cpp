#include "text/tool_values.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/cat.hpp"
#include "text/json_scanner.hpp"
#include "text/literal_reader.hpp"

namespace hearth::text {

namespace {

using Json = nlohmann::ordered_json;

unsigned kind_of(const Json& value) {
    switch (value.type()) {
        case Json::value_t::string:
            return kString;
        case Json::value_t::boolean:
            return kBoolean;
        case Json::value_t::array:
            return kArray;
        case Json::value_t::object:
            return kObject;
        case Json::value_t::null:
            return kNull;
        default:
            return kNumber;
    }
}

unsigned kind_named(const Json& name) {
    static constexpr std::pair<std::string_view, unsigned> kNames[] = {
        {"string", kString}, {"integer", kNumber}, {"number", kNumber}, {"boolean", kBoolean}, {"array", kArray},
        {"object", kObject}, {"null", kNull},      {"str", kString},    {"int", kNumber},      {"float", kNumber},
        {"bool", kBoolean},  {"list", kArray},     {"dict", kObject},
    };
    if (!name.is_string()) return 0;
    for (const auto& [text, kind] : kNames)
        if (name.get_ref<const std::string&>() == text) return kind;
    return 0;
}

// Schemas within anyOf nest as deep as their author liked; the kinds of a parameter stand near the top.
unsigned kinds_of(const Json& schema, int depth) {
    if (!schema.is_object() || depth == 4) return 0;
    unsigned kinds = 0;
    if (const auto type = schema.find("type"); type != schema.end()) {
        if (type->is_array())
            for (const auto& one : *type) kinds |= kind_named(one);
        else
            kinds |= kind_named(*type);
    }
    for (const char* key : {"anyOf", "oneOf", "allOf"})
        if (const auto list = schema.find(key); list != schema.end() && list->is_array())
            for (const auto& one : *list) kinds |= kinds_of(one, depth + 1);
    if (kinds == 0) {
        if (const auto values = schema.find("enum"); values != schema.end() && values->is_array())
            for (const auto& one : *values) kinds |= kind_of(one);
        if (const auto value = schema.find("const"); value != schema.end()) kinds |= kind_of(*value);
    }
    if (const auto nullable = schema.find("nullable"); nullable != schema.end() && *nullable == true) kinds |= kNull;
    return kinds;
}

const Json* member(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto at = object.find(key);
    return at == object.end() ? nullptr : &*at;
}

unsigned kind_of_text(std::string_view json) {
    switch (json.front()) {
        case '{':
            return kObject;
        case '[':
            return kArray;
        case '"':
            return kString;
        case 't':
        case 'f':
            return kBoolean;
        case 'n':
            return kNull;
        default:
            return kNumber;
    }
}

}  // namespace

Result<ToolSchemas> ToolSchemas::parse(std::string_view tools) {
    ToolSchemas schemas;
    if (tools.empty()) return schemas;
    const Json list = Json::parse(tools, nullptr, false);
    if (list.is_discarded()) return Status(Code::invalid_argument, "the tools are not JSON");
    if (list.is_null()) return schemas;
    if (!list.is_array())
        return Status(Code::invalid_argument, cat("the tools must be a list, not ", list.type_name()));
    std::size_t index = 0;
    for (const Json& tool : list) {
        const Json* function = member(tool, "function");
        if (function == nullptr) function = &tool;
        const Json* name = member(*function, "name");
        if (name == nullptr || !name->is_string()) {
            // Definitions of built-in tools have a type only.
            if (const Json* type = member(tool, "type"); type != nullptr && type->is_string()) {
                schemas.tools_[type->get<std::string>()];
                ++index;
                continue;
            }
            return Status(Code::invalid_argument, cat("tool ", index, " has no name"));
        }
        Parameters& parameters = schemas.tools_[name->get<std::string>()];
        const Json* schema = member(*function, "parameters");
        if (schema == nullptr) schema = member(*function, "input_schema");
        const Json* properties = schema != nullptr ? member(*schema, "properties") : nullptr;
        if (properties != nullptr && properties->is_object())
            for (const auto& [key, value] : properties->items()) parameters.emplace_back(key, kinds_of(value, 0));
        ++index;
    }
    return schemas;
}

unsigned ToolSchemas::kinds(std::string_view tool, std::string_view parameter) const {
    const auto at = tools_.find(tool);
    if (at == tools_.end()) return 0;
    for (const auto& [name, kinds] : at->second)
        if (name == parameter) return kinds;
    return 0;
}

std::optional<std::string> ToolSchemas::parameter(std::string_view tool, std::size_t position) const {
    const auto at = tools_.find(tool);
    if (at == tools_.end() || position >= at->second.size()) return std::nullopt;
    return at->second[position].first;
}

std::optional<std::string> json_string_text(std::string_view json) {
    const Json value = Json::parse(json, nullptr, false);
    if (!value.is_string()) return std::nullopt;
    return value.get<std::string>();
}

void append_value(std::string& out, std::string_view text, unsigned kinds) {
    const std::size_t from = text.find_first_not_of(" \t\r\n");
    if (kinds != kString && from != std::string_view::npos) {
        const std::string_view trimmed = text.substr(from, text.find_last_not_of(" \t\r\n") + 1 - from);
        const auto allowed = [&](std::string_view json) {
            const unsigned kind = kind_of_text(json);
            return kind != kString && (kinds == 0 || (kinds & kind) != 0);
        };
        if (is_json(trimmed) && allowed(trimmed)) {
            out += trimmed;
            return;
        }
        if (const auto json = LiteralReader(trimmed).whole(); json && allowed(*json)) {
            out += *json;
            return;
        }
    }
    append_json_string(out, text);
}

}  // namespace hearth::text
