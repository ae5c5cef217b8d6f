#include "text/tool_values.hpp"

#include <algorithm>
#include <utility>

#include "hearth/base/cat.hpp"
#include "text/grammar/json_document.hpp"
#include "text/json_scanner.hpp"
#include "text/literal_reader.hpp"

namespace hearth::text {

namespace {

using grammar::Json;
using Type = Json::Type;

unsigned kind_of(const Json& value) {
    switch (value.type) {
        case Type::string:
            return kString;
        case Type::boolean:
            return kBoolean;
        case Type::array:
            return kArray;
        case Type::object:
            return kObject;
        case Type::null:
            return kNull;
        case Type::number:
            return kNumber;
    }
    return 0;
}

unsigned kind_named(const Json& name) {
    static constexpr std::pair<std::string_view, unsigned> kNames[] = {
        {"string", kString}, {"integer", kNumber}, {"number", kNumber}, {"boolean", kBoolean}, {"array", kArray},
        {"object", kObject}, {"null", kNull},      {"str", kString},    {"int", kNumber},      {"float", kNumber},
        {"bool", kBoolean},  {"list", kArray},     {"dict", kObject},
    };
    if (!name.is(Type::string)) return 0;
    for (const auto& [text, kind] : kNames)
        if (name.text == text) return kind;
    return 0;
}

// Schemas within anyOf nest as deep as their author liked; the kinds of a parameter stand near the top.
unsigned kinds_of(const Json& root, const Json& schema, int depth) {
    if (depth == 4) return 0;
    unsigned kinds = 0;
    if (const Json* ref = schema.find("$ref"); ref != nullptr && ref->text.starts_with('#'))
        if (const Json* target = grammar::follow(root, std::string_view(ref->text).substr(1)))
            kinds |= kinds_of(root, *target, depth + 1);
    if (const Json* type = schema.find("type")) {
        for (const Json& one : type->items) kinds |= kind_named(one);
        kinds |= kind_named(*type);
    }
    for (const char* key : {"anyOf", "oneOf", "allOf"})
        if (const Json* list = schema.find(key))
            for (const Json& one : list->items) kinds |= kinds_of(root, one, depth + 1);
    if (kinds == 0) {
        if (const Json* values = schema.find("enum"))
            for (const Json& one : values->items) kinds |= kind_of(one);
        if (const Json* value = schema.find("const")) kinds |= kind_of(*value);
    }
    if (const Json* nullable = schema.find("nullable"); nullable != nullptr && nullable->boolean) kinds |= kNull;
    return kinds;
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
    auto parsed = grammar::parse_json(tools, "the list of tools");
    if (!parsed.ok()) return Status(Code::invalid_argument, parsed.status().message());
    const Json& list = *parsed;
    if (list.is(Type::null)) return schemas;
    const auto refused = [](std::string_view at, const char* what) {
        return Status(Code::invalid_argument,
                      cat("the list of tools", at.empty() ? "" : ": ", at, " ", what,
                          R"(; expected [{"type": "function", "function": {"name": text, "parameters": {...}}}...])"));
    };
    if (!list.is(Type::array)) return refused("", "is no array");
    for (std::size_t index = 0; index < list.items.size(); ++index) {
        const Json& tool = list.items[index];
        const std::string at = cat("/", index);
        if (!tool.is(Type::object)) return refused(at, "is no object");
        const Json* const inner = tool.find("function");
        const Json& function = inner != nullptr ? *inner : tool;
        const Json* const name = function.find("name");
        if (name == nullptr) {
            // Definitions of built-in tools have a type only.
            const Json* const type = tool.find("type");
            if (inner != nullptr || type == nullptr || !type->is(Type::string))
                return refused(inner != nullptr ? at + "/function" : at, "has no name");
            schemas.tools_[type->text];
            continue;
        }
        if (!name->is(Type::string) || name->text.empty())
            return refused(cat(at, inner != nullptr ? "/function" : "", "/name"), "is no text, or an empty one");
        const auto [added, fresh] = schemas.tools_.try_emplace(name->text);
        if (!fresh)
            return Status(Code::invalid_argument,
                          cat("the list of tools: ", at, " has the name '", name->text, "', as one before it has"));
        const Json* schema = function.find("parameters");
        if (schema == nullptr) schema = function.find("input_schema");
        const Json* const properties = schema != nullptr ? schema->find("properties") : nullptr;
        if (properties == nullptr) continue;
        for (const Json& one : properties->members) added->second.emplace_back(one.key, kinds_of(*schema, one, 0));
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
    auto value = grammar::parse_json(json, "the text");
    if (!value.ok() || !value->is(Type::string)) return std::nullopt;
    return std::move(value->text);
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
