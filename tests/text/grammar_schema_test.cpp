#include <cstdlib>

#include "hearth/base/cat.hpp"
#include "support/golden.hpp"
#include "text/grammar_support.hpp"
#include "text/json_validator.hpp"

namespace hearth {
namespace {

using test::made;
using test::matches;

struct Case {
    std::string_view schema;
    std::vector<std::string> good, bad;
};

const Case kCases[] = {
    {"true",
     {"null", "{}", "[1,\n  {\"a\": -0.5e+3}]", "\"\\u00e9\\n\\ud83d\\ude00\""},
     {"", "nul", "01", "[1,]", "{\"a\"}", "\"\n\"", "\"\\ud83d\"", " 1", "1."}},
    {R"({"type":"boolean"})", {"true", "false"}, {"null", "1"}},
    {R"({"type":["string","null"],"title":"t","default":3})", {"\"\"", "null"}, {"1"}},
    {R"({"enum":["a\"\n",1,1.50,null,{"b":[true]},[]]})",
     {"\"a\\\"\\n\"", "1", "1.50", "null", "{\"b\": [true]}", "[]"},
     {"1.5", "\"a\"", "{}"}},
    {R"({"type":"integer","enum":["a",1,2.0]})", {"1", "2.0"}, {"\"a\""}},
    {R"({"const":"x"})", {"\"x\""}, {"\"y\""}},
    {R"({"type":"integer"})", {"0", "-1", "999999999999999999"}, {"-0x", "1.0", "01", "1000000000000000000", "1e3"}},
    {R"({"type":"integer","minimum":-3,"maximum":12})",
     {"-3", "-1", "0", "9", "10", "12"},
     {"-4", "13", "-10", "20", "-0"}},
    {R"({"type":"integer","exclusiveMinimum":-3,"exclusiveMaximum":12.5})", {"-2", "12"}, {"-3", "13"}},
    {R"({"type":"integer","minimum":987,"maximum":100234})",
     {"987", "999", "1000", "99999", "100234", "100199"},
     {"986", "100235", "100", "200000"}},
    {R"({"type":"integer","maximum":-5.5})", {"-6", "-10", "-999"}, {"-5", "0", "6"}},
    {R"({"type":"number","multipleOf":1,"minimum":1})", {"1", "20"}, {"0", "1.5"}},
    {R"({"type":"number","minimum":0.25,"exclusiveMaximum":1.5})",
     {"0.25", "0.250", "0.9", "1", "1.0", "1.499999"},
     {"0.2", "0.249", "1.5", "1.50", "0", "2"}},
    {R"({"type":"number","exclusiveMinimum":-1})", {"-0.999999", "0", "0.5", "77"}, {"-1", "-1.0", "-1.5"}},
    {R"({"type":"number","maximum":-0.001})", {"-0.001", "-1", "-0.5"}, {"0", "-0.0001", "1"}},
    {R"({"type":"number","minimum":-2,"allOf":[{"minimum":-0.5,"maximum":30},{"exclusiveMinimum":-0.5,"maximum":4}]})",
     {"-0.4", "0", "3.9", "4"},
     {"-0.5", "-1", "4.1", "30"}},
    {R"({"type":"string","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n\"", "\"\\ud83d\\ude00x\""},
     {"\"a\"", "\"abcd\"", "\"\\ud83d\\ude00\""}},
    {R"({"type":"string","pattern":"^a+$"})", {"\"a\"", "\"aaa\""}, {"\"\"", "\"ba\""}},
    {R"({"type":"string","pattern":"b\"\\s"})", {"\"b\\\"\\n\"", "\"xxb\\\" y\""}, {"\"b\""}},
    {R"({"type":"string","format":"date"})",
     {"\"2024-02-28\"", "\"1999-12-31\""},
     {"\"2023-02-29\"", "\"2024-13-01\"", "\"2024-04-31\""}},
    {R"({"type":"string","format":"date-time"})",
     {"\"2024-02-28T23:59:59.5Z\"", "\"2024-01-01T00:00:00+01:30\""},
     {"\"2024-02-28\"", "\"2024-01-01T24:00:00Z\""}},
    {R"({"type":"string","format":"ipv4","minLength":1})",
     {"\"127.0.0.1\"", "\"255.249.199.9\""},
     {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.1.1.1\""}},
    {R"({"type":"string","format":"ipv6"})",
     {"\"::\"", "\"::1\"", "\"1::\"", "\"1:2:3:4:5:6:7:8\"", "\"1:2::7:8\""},
     {"\":::\"", "\"1:2:3:4:5:6:7\"", "\"1::2::3\"", "\"1:2:3:4:5:6:7::8\""}},
    {R"({"type":"string","format":"email"})", {"\"a.b@example.org\""}, {"\"a@b\"", "\"@x.y\"", "\"a b@x.y\""}},
    {R"({"type":"string","format":"uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567\""}},
    {R"({"type":"string","format":"uri"})",
     {"\"https://example.org:80/a/b?x=1#f\""},
     {"\"example.org\"", "\"https://\""}},
    {R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
     {"[1,2]", "[1, 2,\n 3]", "[ 1,2 ]"},
     {"[]", "[1]", "[1,2,3,4]", "[1,\"a\"]"}},
    {R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":{"const":3}})",
     {"[]", "[1]", "[1,2]", "[1,2,3,3]"},
     {"[2]", "[1,3]"}},
    {R"({"type":"array","prefixItems":[{"const":1},{"const":2},{"const":3}],"items":false,"minItems":2})",
     {"[1,2]", "[1,2,3]"},
     {"[1]", "[1,2,3,4]"}},
    {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]", "[ ]"}},
    {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":true},"required":["b"]})",
     {R"({"b":null})", R"({"a":1,"b":null})", R"({"b": null, "c": []})", "{\n  \"a\": 1,\n  \"b\": null\n}"},
     {"{}", R"({"a":1})", R"({"b":null,"a":1})", R"({"b":null,"d":1})", R"({"b":null,})", R"({,"b":null})"}},
    {R"({"type":"object","properties":{"ab":{"const":1},"a":{"const":2},"":{"const":3}},"additionalProperties":{"type":"boolean"}})",
     {"{}", R"({"ab":1,"a":2,"":3,"x":true,"abc":false})", R"({"b":true})", R"({"aa":true})"},
     {R"({"a":true})", R"({"ab":true})", R"({"":true})", R"({"x":1})", R"({"a":2,"a":true})"}},
    {R"({"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2})",
     {R"({"x":1})", R"({"x":1,"y":2})"},
     {"{}", R"({"x":1,"y":2,"z":3})"}},
    {R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"x":1})"}},
    {R"({"properties":{"a":{"type":"integer"}},"required":["a","z"]})", {R"({"a":1,"z":[null]})"}, {R"({"a":1})", "1"}},
    {R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"12", "\"a\""}, {"\"ab\"", "null"}},
    {R"({"type":"object","properties":{"k":{"type":"string"}},"required":["k"],"anyOf":[{"properties":{"k":{"enum":["x"]}}},{"properties":{"n":{"type":"integer"}},"required":["n"]}]})",
     {R"({"k":"x"})", R"({"k":"q","n":5})"},
     {R"({"k":"y"})"}},
    {R"({"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"x":{"type":"integer"}},"required":["t","x"]},{"type":"object","properties":{"t":{"const":"b"}},"required":["t"]}]})",
     {R"({"t":"a","x":1})", R"({"t":"b"})"},
     {R"({"t":"a"})", R"({"t":"c"})"}},
    {R"({"allOf":[{"type":"object","properties":{"a":{"type":"number"}},"required":["a"]},{"properties":{"a":{"minimum":3,"maximum":4},"b":{"type":"null"}}}]})",
     {R"({"a":3.5,"b":null})", R"({"a":4})"},
     {R"({"a":5})", R"({"b":null})"}},
    {R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
     {R"({"v":1})", R"({"v":1,"next":{"v":2}})"}},
    {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]", "[[]"}},
    {R"({"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"const":7}}})", {"7"}, {"8"}},
    {R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
};

TEST_CASE("json schema: values that are valid and values that are not") {
    for (const Case& c : kCases) {
        CAPTURE(c.schema);
        const auto grammar = made(Grammar::from_json_schema(c.schema));
        for (const std::string& text : c.good) {
            CAPTURE(text);
            CHECK(matches(grammar, text));
        }
        for (const std::string& text : c.bad) {
            CAPTURE(text);
            CHECK(!matches(grammar, text));
        }
    }
}

TEST_CASE("json schema: what masks let through parses and validates") {
    std::mt19937 random(5);
    const auto tokens = test::small_vocabulary("\"{}[]:, \n\\u0123456789abtrefnuls-.", 400, 9);
    std::size_t whole = 0;
    for (const Case& c : kCases) {
        CAPTURE(c.schema);
        const auto grammar = made(Grammar::from_json_schema(c.schema));
        const test::Value schema = test::Value::parse(c.schema);
        const test::Validator validator(schema);
        for (int i = 0; i < (test::kThin ? 6 : 30); ++i) {
            const auto text = test::generate(grammar, tokens, random, 200);
            if (!text) continue;
            ++whole;
            const test::Value value = test::Value::parse(*text, nullptr, false);
            REQUIRE_MESSAGE(!value.is_discarded(), *text);
            CHECK_MESSAGE(validator.valid(value), *text);
        }
    }
    CHECK(whole > (test::kThin ? 100 : 500));
}

TEST_CASE("json schema: integers between any bounds, exactly") {
    std::mt19937 random(3);
    for (int i = 0; i < 60; ++i) {
        const int spread = i < 30 ? 50 : 3000;
        int low = static_cast<int>(random() % static_cast<unsigned>(spread)) - spread / 2;
        int high = static_cast<int>(random() % static_cast<unsigned>(spread)) - spread / 2;
        if (low > high) std::swap(low, high);
        const auto grammar = made(Grammar::from_json_schema("{\"type\":\"integer\",\"minimum\":" + std::to_string(low) +
                                                            ",\"maximum\":" + std::to_string(high) + "}"));
        for (int v = -spread; v <= spread; v += i < 30 ? 1 : 7)
            CHECK(matches(grammar, std::to_string(v)) == (v >= low && v <= high));
    }
}

TEST_CASE("json schema: numbers between any bounds, exactly") {
    std::mt19937 random(4);
    const auto spell = [](int hundredths) {
        const int size = std::abs(hundredths);
        std::string text = (hundredths < 0 ? "-" : "") + std::to_string(size / 100) + ".";
        return text + std::to_string(size % 100 / 10) + std::to_string(size % 10);
    };
    for (int i = 0; i < (test::kThin ? 12 : 60); ++i) {
        int low = static_cast<int>(random() % 800) - 400, high = static_cast<int>(random() % 800) - 400;
        if (low > high) std::swap(low, high);
        const bool open = i % 2 == 1 && low < high;
        const auto grammar = made(Grammar::from_json_schema(
            "{\"type\":\"number\",\"" + std::string(open ? "exclusiveMinimum" : "minimum") + "\":" + spell(low) +
            ",\"" + (open ? "exclusiveMaximum" : "maximum") + "\":" + spell(high) + "}"));
        for (int v = -500; v <= 500; ++v) {
            if (v == 0) continue;
            CHECK(matches(grammar, spell(v)) == (open ? v > low && v < high : v >= low && v <= high));
        }
        CHECK(matches(grammar, spell(low) + "5") == (low >= 0 && low < high));
    }
}

TEST_CASE("json schema: what is not supported or wrong is named, with its place") {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", "schema is not JSON"},
        {"{\"a\":1,\"a\":2}", "the key \"a\" twice"},
        {"3", "schema at its root: a schema is an object, true or false"},
        {R"({"properties":{"a":{"not":{}}}})", "schema at /properties/a: keyword 'not' is not supported"},
        {R"({"if":true})", "keyword 'if' is not supported"},
        {R"({"patternProperties":{}})", "keyword 'patternProperties'"},
        {R"({"nullable":true})", "keyword 'nullable'"},
        {R"({"unevaluatedProperties":false})", "keyword 'unevaluatedProperties'"},
        {R"({"dependentRequired":{}})", "keyword 'dependentRequired'"},
        {R"({"contains":{}})", "keyword 'contains'"},
        {R"({"uniqueItems":true})", "keyword 'uniqueItems'"},
        {R"({"type":"text"})", "schema at its root: type names an unknown type, \"text\""},
        {R"({"type":7})", "schema at its root: type is not a name"},
        {R"({"type":)", "not JSON at byte 8"},
        {R"({"type":"null"}})", "not JSON at byte 15"},
        {R"({"type":"string","format":"phone"})", "format \"phone\" is not supported"},
        {R"x({"type":"string","pattern":"(?!a)"})x", "lookaround is not supported"},
        {R"({"type":"string","pattern":"a","minLength":2})", "minLength or maxLength together with pattern"},
        {R"({"type":"number","multipleOf":0.1})", "multipleOf other than 1"},
        {R"({"type":"integer","minimum":5,"maximum":4})", "between the bounds"},
        {R"({"type":"string","minLength":-1})", "minLength is not a natural number"},
        {R"({"type":"string","minLength":3,"maxLength":2})", "no text belongs"},
        {R"({"$ref":"other.json"})", "not a reference within the schema"},
        {R"({"$ref":"#/$defs/x"})", "points to nothing"},
        {R"({"$ref":"#"})", "refers to itself"},
        {R"({"allOf":[{"$ref":"#"}]})", "refers to itself"},
        {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "begins with itself"},
        {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "branches 0 and 1 of oneOf may both hold"},
        {R"({"oneOf":[{"properties":{"a":true}},{"properties":{"b":true}}]})", "may both hold"},
        {R"({"enum":[]})", "no text belongs"},
        {R"({"enum":["a","bb"],"maxLength":1})", "together with other keywords"},
        {R"({"type":"array","items":[{}]})", "prefixItems"},
        {R"({"properties":{"a":{"$id":"x"}}})", "schema at /properties/a: keyword '$id'"},
        {R"({"type":"object","required":["a"],"properties":{"a":false}})", "no text belongs"},
        {"false", "no text belongs"},
    };
    for (const auto& entry : cases) {
        const auto& [schema, expected] = entry;
        INFO(entry.first);
        const auto grammar = Grammar::from_json_schema(schema);
        REQUIRE(!grammar.ok());
        CHECK_MESSAGE(grammar.status().message().find(expected) != std::string::npos, grammar.status().message());
    }
}

TEST_CASE("json schema: hostile schemas end in errors soon, or are cheap") {
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += R"({"items":)";
    CHECK(!Grammar::from_json_schema(deep).ok());
    std::string optional = R"({"type":"object","properties":{)";
    for (int i = 0; i < 2000; ++i)
        optional += (i > 0 ? ",\"p" : "\"p") + std::to_string(i) + "\":{\"type\":\"integer\"}";
    const auto many = made(Grammar::from_json_schema(optional + "}}"));
    CHECK(matches(many, R"({"p3":1,"p77":2,"p1999":3})"));
    CHECK(!matches(many, R"({"p77":1,"p3":2})"));
    std::string product = R"({"allOf":[)";
    for (int i = 0; i < 40; ++i) {
        const std::string name = "\"q" + std::to_string(i) + "\"";
        product += cat(i > 0 ? "," : "", R"({"anyOf":[{"required":[)", name, R"(]},{"properties":{)", name,
                       R"(:false}}]})");
    }
    CHECK(!Grammar::from_json_schema(product + "]}").ok());
    std::string chain = R"({"$ref":"#/$defs/0","$defs":{)";
    for (int i = 0; i < 3000; ++i)
        chain += "\"" + std::to_string(i) + R"(":{"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"},";
    CHECK(!Grammar::from_json_schema(chain + "\"3000\":{}}}").ok());
    CHECK(matches(made(Grammar::from_json_schema(R"({"type":"string","maxLength":4000000000})")),
                  "\"" + std::string(3000, 'a') + "\""));
    CHECK(matches(made(Grammar::from_json_schema("true")), std::string(2000, '[') + std::string(2000, ']')));
}

}  // namespace
}  // namespace hearth
