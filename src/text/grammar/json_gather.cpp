#include <algorithm>
#include <array>

#include "hearth/base/cat.hpp"
#include "text/grammar/json_schema.hpp"
#include "text/grammar/json_strings.hpp"

namespace hearth::text::grammar {

namespace {

constexpr std::size_t kMostRefs = 100;
constexpr std::size_t kMostParts = 10'000;
constexpr std::size_t kDisjointDepth = 4;

constexpr std::string_view kAnnotations[] = {
    "title",    "description", "default", "examples",    "$schema",         "$comment",         "deprecated",
    "readOnly", "writeOnly",   "$defs",   "definitions", "contentEncoding", "contentMediaType", "contentSchema"};
constexpr std::pair<std::string_view, unsigned> kKeywords[] = {
    {"type", 0},
    {"enum", 0},
    {"const", 0},
    {"allOf", 0},
    {"anyOf", 0},
    {"oneOf", 0},
    {"$ref", 0},
    {"minimum", kInteger | kFraction},
    {"maximum", kInteger | kFraction},
    {"exclusiveMinimum", kInteger | kFraction},
    {"exclusiveMaximum", kInteger | kFraction},
    {"multipleOf", kInteger | kFraction},
    {"minLength", kString},
    {"maxLength", kString},
    {"pattern", kString},
    {"format", kString},
    {"items", kArray},
    {"prefixItems", kArray},
    {"minItems", kArray},
    {"maxItems", kArray},
    {"uniqueItems", kArray},
    {"properties", kObject},
    {"required", kObject},
    {"additionalProperties", kObject},
    {"minProperties", kObject},
    {"maxProperties", kObject},
};
constexpr std::pair<std::string_view, unsigned> kTypes[] = {
    {"null", kNull},       {"boolean", kBoolean},           {"object", kObject}, {"array", kArray}, {"string", kString},
    {"integer", kInteger}, {"number", kInteger | kFraction}};

template <class Table>
auto find_in(const Table& table, std::string_view name) {
    return std::find_if(std::begin(table), std::end(table), [&](const auto& entry) { return entry.first == name; });
}

void keep_types(const Json& value, unsigned types, std::vector<const Json*>& out) {
    if ((type_of(value) & types) != 0) out.push_back(&value);
}

}  // namespace

unsigned type_of(const Json& value) {
    switch (value.type) {
        case Json::Type::null:
            return kNull;
        case Json::Type::boolean:
            return kBoolean;
        case Json::Type::string:
            return kString;
        case Json::Type::array:
            return kArray;
        case Json::Type::object:
            return kObject;
        case Json::Type::number:
            break;
    }
    const auto number = parse_decimal(value.text);
    if (!number) return value.text.find_first_of(".eE") == std::string::npos ? kInteger : kFraction;
    return number->exponent >= 0 ? kInteger : kFraction;
}

Status Gatherer::check_keywords(const Json& schema) const {
    for (const Json& member : schema.members) {
        const std::string& key = member.key;
        if (std::find(std::begin(kAnnotations), std::end(kAnnotations), key) != std::end(kAnnotations)) continue;
        if (find_in(kKeywords, key) != std::end(kKeywords)) continue;
        // Another base for references within the schema; at its root it changes nothing.
        if (key == "$id" && &schema == &root_) continue;
        return refuse(&schema, cat("keyword '", key, "' is not supported"));
    }
    return {};
}

Status Gatherer::expand_one(const Part& part, std::size_t depth, std::set<const Json*>& open, std::set<Part>& out,
                            bool& never) const {
    const Json& schema = *part.schema;
    if (schema.is(Json::Type::boolean)) {
        never = never || !schema.boolean;
        return {};
    }
    if (!schema.is(Json::Type::object)) return wrong(&schema, "a schema is an object, true or false");
    if ((part.done & Part::kRefs) != 0) {
        out.insert(part);
        return {};
    }
    if (depth > kMostRefs || out.size() > kMostParts) return refuse(&schema, "references and allOf lead too far");
    if (!open.insert(&schema).second) return wrong(&schema, "the schema refers to itself without anything in between");
    HEARTH_TRY(check_keywords(schema));
    out.insert({&schema, part.done | Part::kRefs});
    if (const Json* ref = schema.find("$ref")) {
        if (!ref->is(Json::Type::string) || !ref->text.starts_with('#'))
            return refuse(&schema, "$ref is not a reference within the schema ('#/…')");
        const Json* target = follow(root_, std::string_view(ref->text).substr(1));
        if (target == nullptr) return wrong(&schema, cat("$ref ", json_quoted(ref->text), " points to nothing"));
        HEARTH_TRY(expand_one({target}, depth + 1, open, out, never));
    }
    if (const Json* all = schema.find("allOf")) {
        if (!all->is(Json::Type::array)) return wrong(&schema, "allOf is not an array");
        for (const Json& one : all->items) HEARTH_TRY(expand_one({&one}, depth + 1, open, out, never));
    }
    open.erase(&schema);
    return {};
}

Result<std::optional<Conjunction>> Gatherer::expand(const Conjunction& parts) const {
    std::set<Part> out;
    bool never = false;
    for (const Part& part : parts) {
        std::set<const Json*> open;
        HEARTH_TRY(expand_one(part, 0, open, out, never));
    }
    if (never) return std::optional<Conjunction>();
    return std::optional(Conjunction(out.begin(), out.end()));
}

Result<std::uint32_t> Gatherer::natural(const Json& schema, std::string_view key, std::uint32_t otherwise) const {
    const Json* value = schema.find(key);
    if (value == nullptr) return otherwise;
    const auto number = value->is(Json::Type::number) ? parse_decimal(value->text) : std::nullopt;
    bool exact = false;
    const std::int64_t whole = number ? scaled_floor(*number, 0, exact) : -1;
    if (whole < 0 || !exact) return wrong(&schema, cat(key, " is not a natural number"));
    return static_cast<std::uint32_t>(std::min<std::int64_t>(whole, kUnbounded - 1));
}

namespace {
std::string unknown_type(const Json& name) {
    if (!name.is(Json::Type::string)) return "type is not a name or an array of names";
    return cat("type names an unknown type", name.text.size() > 100 ? "" : ", ",
               name.text.size() > 100 ? "" : json_quoted(name.text));
}
}  // namespace

Status Gatherer::gather_type(const Json& schema, Demands& out) const {
    const Json* type = schema.find("type");
    if (type == nullptr) return {};
    unsigned types = 0;
    const auto add = [&](const Json& name) {
        const auto found = name.is(Json::Type::string) ? find_in(kTypes, name.text) : std::end(kTypes);
        if (found == std::end(kTypes)) return false;
        types |= found->second;
        return true;
    };
    if (type->is(Json::Type::array)) {
        for (const Json& name : type->items)
            if (!add(name)) return wrong(&schema, unknown_type(name));
    } else if (!add(*type)) {
        return wrong(&schema, unknown_type(*type));
    }
    out.types &= types;
    return {};
}

Status Gatherer::gather_values(const Json& schema, Demands& out) const {
    const auto keep = [&](const std::vector<const Json*>& allowed) {
        if (!out.values) {
            out.values = allowed;
            return;
        }
        std::erase_if(*out.values, [&](const Json* value) {
            return std::none_of(allowed.begin(), allowed.end(),
                                [&](const Json* other) { return equal(*value, *other); });
        });
    };
    if (const Json* values = schema.find("enum")) {
        if (!values->is(Json::Type::array)) return wrong(&schema, "enum is not an array");
        std::vector<const Json*> allowed;
        for (const Json& value : values->items) allowed.push_back(&value);
        keep(allowed);
    }
    if (const Json* value = schema.find("const")) keep({value});
    return {};
}

Status Gatherer::gather_numbers(const Json& schema, Demands& out) const {
    const auto bound = [&](std::string_view key, bool open, bool lower, std::optional<Bound>& into) -> Status {
        const Json* value = schema.find(key);
        if (value == nullptr) return {};
        const auto number = value->is(Json::Type::number) ? parse_decimal(value->text) : std::nullopt;
        if (!number) return refuse(&schema, cat(key, " is not a number of at most 18 digits"));
        const Bound found{*number, open};
        const bool tighter = !into || (lower ? less(into->value, found.value) : less(found.value, into->value));
        if (tighter)
            into = found;
        else if (into->value == found.value)
            into->open = into->open || open;
        return {};
    };
    HEARTH_TRY(bound("minimum", false, true, out.low));
    HEARTH_TRY(bound("exclusiveMinimum", true, true, out.low));
    HEARTH_TRY(bound("maximum", false, false, out.high));
    HEARTH_TRY(bound("exclusiveMaximum", true, false, out.high));
    if (const Json* step = schema.find("multipleOf")) {
        const auto number = step->is(Json::Type::number) ? parse_decimal(step->text) : std::nullopt;
        if (number != Decimal{.digits = 1}) return refuse(&schema, "multipleOf other than 1 is not supported");
        out.types &= ~unsigned{kFraction};
    }
    return {};
}

Status Gatherer::gather_strings(const Json& schema, Demands& out) const {
    HEARTH_ASSIGN(const std::uint32_t least, natural(schema, "minLength", 0));
    HEARTH_ASSIGN(const std::uint32_t most, natural(schema, "maxLength", kUnbounded));
    out.least_length = std::max(out.least_length, least);
    out.most_length = std::min(out.most_length, most);
    for (const std::string_view key : {"pattern", "format"}) {
        const Json* value = schema.find(key);
        if (value == nullptr) continue;
        if (!value->is(Json::Type::string)) return wrong(&schema, cat(key, " is not a string"));
        if (key == "format" && format_pattern(value->text).empty())
            return refuse(&schema, cat("format ", json_quoted(value->text), " is not supported"));
        (key == "pattern" ? out.patterns : out.formats).insert(value->text);
    }
    return {};
}

Status Gatherer::gather_arrays(const Conjunction& parts, Demands& out) const {
    std::size_t longest = 0;
    for (const Part& part : parts) {
        const Json& schema = *part.schema;
        HEARTH_ASSIGN(const std::uint32_t least, natural(schema, "minItems", 0));
        HEARTH_ASSIGN(const std::uint32_t most, natural(schema, "maxItems", kUnbounded));
        out.least_items = std::max(out.least_items, least);
        out.most_items = std::min(out.most_items, most);
        if (const Json* unique = schema.find("uniqueItems"))
            if (!unique->is(Json::Type::boolean) || unique->boolean)
                return refuse(&schema, "keyword 'uniqueItems' is not supported");
        if (const Json* first = schema.find("prefixItems")) {
            if (!first->is(Json::Type::array)) return wrong(&schema, "prefixItems is not an array");
            longest = std::max(longest, first->items.size());
        }
        if (const Json* items = schema.find("items")) {
            if (items->is(Json::Type::array))
                return refuse(&schema, "items as an array is not supported; draft 2020-12 has prefixItems");
            out.other_items.push_back({items});
        }
    }
    out.first_items.resize(longest);
    for (const Part& part : parts) {
        const Json* first = part.schema->find("prefixItems");
        const Json* items = part.schema->find("items");
        for (std::size_t i = 0; i < longest; ++i) {
            if (first != nullptr && i < first->items.size())
                out.first_items[i].push_back({&first->items[i]});
            else if (items != nullptr)
                out.first_items[i].push_back({items});
        }
    }
    return {};
}

Status Gatherer::gather_objects(const Conjunction& parts, Demands& out) const {
    const auto name = [&](const std::string& key) {
        if (out.properties.try_emplace(key).second) out.names.push_back(key);
    };
    for (const Part& part : parts) {
        const Json& schema = *part.schema;
        HEARTH_ASSIGN(const std::uint32_t least, natural(schema, "minProperties", 0));
        HEARTH_ASSIGN(const std::uint32_t most, natural(schema, "maxProperties", kUnbounded));
        out.least_properties = std::max(out.least_properties, least);
        out.most_properties = std::min(out.most_properties, most);
        if (const Json* properties = schema.find("properties")) {
            if (!properties->is(Json::Type::object)) return wrong(&schema, "properties is not an object");
            for (const Json& property : properties->members) name(property.key);
        }
        if (const Json* additional = schema.find("additionalProperties")) {
            out.additional.push_back({additional});
            out.asks_additional = true;
        }
    }
    for (const Part& part : parts) {
        const Json* required = part.schema->find("required");
        if (required == nullptr) continue;
        if (!required->is(Json::Type::array)) return wrong(part.schema, "required is not an array");
        for (const Json& key : required->items) {
            if (!key.is(Json::Type::string)) return wrong(part.schema, "required is not an array of names");
            name(key.text);
            out.required.insert(key.text);
        }
    }
    for (const Part& part : parts) {
        const Json* properties = part.schema->find("properties");
        const Json* additional = part.schema->find("additionalProperties");
        for (auto& [key, all] : out.properties) {
            const Json* own = properties == nullptr ? nullptr : properties->find(key);
            if (own != nullptr)
                all.push_back({own});
            else if (additional != nullptr)
                all.push_back({additional});
        }
    }
    return {};
}

Result<Demands> Gatherer::gather(const Conjunction& parts) const {
    Demands out;
    unsigned about = 0;
    for (const Part& part : parts) {
        const Json& schema = *part.schema;
        HEARTH_TRY(gather_type(schema, out));
        HEARTH_TRY(gather_values(schema, out));
        HEARTH_TRY(gather_numbers(schema, out));
        HEARTH_TRY(gather_strings(schema, out));
        for (const Json& member : schema.members)
            if (const auto found = find_in(kKeywords, member.key); found != std::end(kKeywords)) about |= found->second;
    }
    HEARTH_TRY(gather_arrays(parts, out));
    HEARTH_TRY(gather_objects(parts, out));
    if (out.values) {
        std::vector<const Json*> kept;
        for (const Json* value : *out.values) keep_types(*value, out.types, kept);
        if (!kept.empty() && about != 0)
            return refuse(parts.back().schema, "enum or const together with other keywords than type is not supported");
        out.values = std::move(kept);
        return out;
    }
    // Keywords of one type, and none that says that it is this type: what is written is of this type, which is valid.
    if (out.types == kAnyType && (about == kObject || about == kArray || about == kString)) out.types = about;
    if (out.types == kAnyType && about == (kInteger | kFraction)) out.types = about;
    return out;
}

Result<bool> Gatherer::disjoint(const Conjunction& a, const Conjunction& b, std::size_t depth) const {
    HEARTH_ASSIGN(const auto left, expand(a));
    HEARTH_ASSIGN(const auto right, expand(b));
    if (!left || !right) return true;
    HEARTH_ASSIGN(const Demands x, gather(*left));
    HEARTH_ASSIGN(const Demands y, gather(*right));
    // Types as they were demanded: one that was chosen for want of a demand excludes nothing.
    const auto types = [](const Conjunction& parts) {
        unsigned out = kAnyType;
        for (const Part& part : parts) {
            const Json* type = part.schema->find("type");
            if (type == nullptr) continue;
            unsigned own = 0;
            for (const auto& [name, bits] : kTypes) {
                const auto is = [&, wanted = name](const Json& one) { return one.text == wanted; };
                if (is(*type) || std::any_of(type->items.begin(), type->items.end(), is)) own |= bits;
            }
            out &= own;
        }
        return out;
    };
    const unsigned common = types(*left) & types(*right);
    if (common == 0) return true;
    if (x.values && y.values)
        return std::none_of(x.values->begin(), x.values->end(), [&](const Json* value) {
            return std::any_of(y.values->begin(), y.values->end(),
                               [&](const Json* other) { return equal(*value, *other); });
        });
    for (const auto& [values, bits] : {std::pair(&x.values, types(*right)), std::pair(&y.values, types(*left))})
        if (*values && std::none_of((*values)->begin(), (*values)->end(),
                                    [&, mask = bits](const Json* v) { return (type_of(*v) & mask) != 0; }))
            return true;
    // Objects only, which tell each other apart by a property that both must have.
    if (common != kObject || depth == kDisjointDepth) return false;
    for (const std::string& name : x.required) {
        if (!y.required.contains(name)) continue;
        HEARTH_ASSIGN(const bool apart, disjoint(x.properties.at(name), y.properties.at(name), depth + 1));
        if (apart) return true;
    }
    return false;
}

}  // namespace hearth::text::grammar
