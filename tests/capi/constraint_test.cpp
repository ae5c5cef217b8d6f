// Constrained output as a host sees it: whatever a model of random weights would like to say, the text is what was
// asked for, or ends for want of tokens.
#include <cmath>
#include <random>
#include <regex>

#include "capi/constrained.hpp"
#include "text/json_validator.hpp"

using namespace hearth::test;

namespace {

// Schemas of every kind that nest, within what is supported.
class RandomSchema {
public:
    explicit RandomSchema(std::uint32_t seed) : random_(seed) {}
    Value make() {
        Value schema = at(3);
        schema["$defs"] = {{"list", {{"type", "array"}, {"items", {{"$ref", "#/$defs/list"}}}, {"maxItems", 2}}},
                           {"flag", {{"enum", {"on", "off", 3, nullptr}}}}};
        return schema;
    }

private:
    std::uint32_t below(std::uint32_t n) { return random_() % n; }
    Value at(int depth) {
        switch (below(depth > 0 ? 11 : 7)) {
            case 0:
                return {{"type", below(2) == 0 ? Value("null") : Value{"boolean", "null"}}};
            case 1: {
                const int low = static_cast<int>(below(400)) - 200;
                return {{"type", "integer"}, {"minimum", low}, {"maximum", low + static_cast<int>(below(90))}};
            }
            case 2:
                return {{"type", "number"}, {"exclusiveMinimum", -0.5}, {"maximum", below(20) / 8.0}};
            case 3: {
                const auto least = below(4);
                return {{"type", "string"}, {"minLength", least}, {"maxLength", least + below(6)}};
            }
            case 4: {
                const char* patterns[] = {"^[a-c]{1,4}$", "^(x|yz)*-\\d+$", "^\"?[a-z ]{2}$"};
                return {{"type", "string"}, {"pattern", patterns[below(3)]}};
            }
            case 5:
                return {{"$ref", below(2) == 0 ? "#/$defs/list" : "#/$defs/flag"}};
            case 6:
                return {{"const", {{"k", {1, "two"}}}}};
            case 7: {
                const auto least = below(3);
                return {
                    {"type", "array"}, {"items", at(depth - 1)}, {"minItems", least}, {"maxItems", least + below(3)}};
            }
            case 8:
                return {{"anyOf", {at(depth - 1), at(depth - 1)}}};
            case 9:
                return {{"type", "object"}, {"additionalProperties", at(depth - 1)}, {"maxProperties", 2}};
            default: {
                Value properties = Value::object(), required = Value::array();
                for (std::uint32_t i = 0, n = 1 + below(4); i < n; ++i) {
                    properties[cat("p", i)] = at(depth - 1);
                    if (below(2) == 0) required.push_back(cat("p", i));
                }
                return {{"type", "object"},
                        {"properties", properties},
                        {"required", required},
                        {"additionalProperties", false}};
            }
        }
    }
    static std::string cat(const char* a, std::uint32_t b) { return a + std::to_string(b); }
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("constrained output: parses and validates for any schema, sampler and seed, or ends for want of tokens") {
    Constrained f;
    f.lean_to("\"}],", 4);
    std::size_t whole = 0;
    const std::uint32_t schemas = kThin ? 12 : 60;
    for (std::uint32_t i = 0; i < schemas; ++i) {
        const Value schema = RandomSchema(i).make();
        const std::string text = schema.dump();
        CAPTURE(text);
        CHECK_OK(hearth_sampling_set_schema(f.sampling(), text.data(), text.size()));
        const Validator validator(schema);
        for (std::uint32_t way = 0; way < 3; ++way) {
            f.set("seed", i * 3 + way);
            f.set("temperature", way == 0 ? 0 : 1);
            f.set("mirostat_tau", way == 2 ? 5 : 0);
            f.set("dry_multiplier", way == 1 ? 1 : 0);
            const Generated out = f.generate(150);
            if (out.reason == HEARTH_FINISH_LENGTH) continue;
            ++whole;
            REQUIRE(out.reason == HEARTH_FINISH_STOP);
            const Value value = Value::parse(out.text, nullptr, false);
            REQUIRE_MESSAGE(!value.is_discarded(), out.text);
            CHECK_MESSAGE(validator.valid(value), out.text);
        }
    }
    CHECK(whole > schemas);
}

TEST_CASE("constrained output: regular expressions, grammars and choices hold to the last token") {
    Constrained f;
    const char* pattern = "[a-f]{2,6}(-\\d{1,3}){2}[.!?]";
    const char* grammar = "root ::= line{1,3}\nline ::= \"- \" word (\" \" word){0,2} \"\\n\"\nword ::= [a-z]{1,5}";
    const std::vector<const char*> choices{"yes", "no", "not at all", "nothing", "Gr\xc3\xbc\xc3\x9f!"};
    for (std::uint32_t seed = 0; seed < 8; ++seed) {
        f.set("seed", seed);
        CHECK_OK(hearth_sampling_set_regex(f.sampling(), pattern, std::strlen(pattern)));
        Generated out = f.generate(0);
        CHECK(out.reason == HEARTH_FINISH_STOP);
        CHECK_MESSAGE(std::regex_match(out.text, std::regex(pattern)), out.text);
        CHECK_OK(hearth_sampling_set_gbnf(f.sampling(), grammar, std::strlen(grammar)));
        out = f.generate(0);
        CHECK(out.reason == HEARTH_FINISH_STOP);
        CHECK_MESSAGE(std::regex_match(out.text, std::regex("(- [a-z]{1,5}( [a-z]{1,5}){0,2}\n){1,3}")), out.text);
        CHECK_OK(hearth_sampling_set_choices(f.sampling(), choices.data(), nullptr, choices.size()));
        out = f.generate(0);
        CHECK(out.reason == HEARTH_FINISH_STOP);
        CHECK_MESSAGE(std::count(choices.begin(), choices.end(), out.text) == 1, out.text);
        // Nothing can follow "yes" or "not at all": no pass is spent on an end.
        if (out.text == "yes") CHECK(out.finish_token == -1);
    }
    CHECK_OK(hearth_sampling_clear_constraint(f.sampling()));
    CHECK(f.generate(20).text.size() > 8);
}

TEST_CASE(
    "constrained output: a generation is the same alone and beside others, and with masks that are there already") {
    Constrained f;
    const std::string schema = R"({"type":"object","properties":{"name":{"type":"string","maxLength":12},
        "age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],"additionalProperties":false})";
    CHECK_OK(hearth_sampling_set_schema(f.sampling(), schema.data(), schema.size()));
    const Generated first = f.generate(60), again = f.generate(60);
    CHECK(first.tokens == again.tokens);
    hearth_generator* raw = nullptr;
    CHECK_OK(hearth_generator_new(&raw, f.model()));
    const GeneratorPtr generator(raw);
    std::vector<SessionPtr> sessions;
    for (int i = 0; i < 4; ++i) {
        sessions.push_back(f.session());
        f.submit(generator.get(), sessions.back().get(), 60);
        // What runs has settings of its own.
        if (i == 1) CHECK_OK(hearth_sampling_set_regex(f.sampling(), "a+", 2));
        if (i == 2) CHECK_OK(hearth_sampling_clear_constraint(f.sampling()));
    }
    auto all = drain_tokens(generator.get());
    CHECK(all[sessions[0].get()] == first.tokens);
    CHECK(all[sessions[1].get()] == first.tokens);
    CHECK(all[sessions[2].get()] != first.tokens);
    CHECK(all[sessions[3].get()].size() == 60);
}

TEST_CASE("constrained output: stop texts and banned texts hold beside it, and what is impossible is an error") {
    Constrained f;
    CHECK_OK(hearth_sampling_set_regex(f.sampling(), "(ab|cd){3}", 10));
    const char* texts[] = {"a"};
    CHECK_OK(hearth_sampling_set_list(f.sampling(), "ban", texts, nullptr, 1));
    CHECK(f.generate(0).text == "cdcdcd");
    CHECK_OK(hearth_sampling_set_list(f.sampling(), "ban", nullptr, nullptr, 0));
    texts[0] = "c";
    CHECK_OK(hearth_sampling_set_regex(f.sampling(), "abcab", 5));
    CHECK_OK(hearth_sampling_set_list(f.sampling(), "stop", texts, nullptr, 1));
    const Generated stopped = f.generate(0);
    CHECK(stopped.text == "ab");
    CHECK(stopped.stop == 0);
    CHECK_OK(hearth_sampling_set_list(f.sampling(), "ban", texts, nullptr, 1));
    const Generated none = f.generate(0);
    CHECK(none.reason == HEARTH_FINISH_ERROR);
    CHECK_MESSAGE(contains(none.message, "the constraint, biases and banned texts leave no token for position 6"),
                  none.message);
    CHECK(none.text == "ab");
}

TEST_CASE("constrained output: what cannot be is refused with its place, and changes nothing") {
    Constrained f;
    hearth_sampling* s = f.sampling();
    CHECK_OK(hearth_sampling_set_regex(s, "only this", 9));
    const auto schema = [&](const std::string& text) {
        return hearth_sampling_set_schema(s, text.data(), text.size());
    };
    const auto regex = [&](const std::string& text) { return hearth_sampling_set_regex(s, text.data(), text.size()); };
    const auto gbnf = [&](const std::string& text) { return hearth_sampling_set_gbnf(s, text.data(), text.size()); };
    CHECK_FAILS(schema(R"({"properties":{"a":{"dependentSchemas":{}}}})"), HEARTH_EUNSUPPORTED, "/properties/a",
                "'dependentSchemas'");
    CHECK_FAILS(schema(R"({"properties":{"a/b":{"type":"strin"}}})"), HEARTH_EINVAL, "/properties/a~1b", "strin");
    CHECK_FAILS(schema(R"({"type":)"), HEARTH_EFORMAT, "byte 8");
    CHECK_FAILS(schema("{\"a\xff\"}"), HEARTH_EUTF8, "byte 3");
    CHECK_FAILS(schema(""), HEARTH_EFORMAT, "byte");
    CHECK_FAILS(schema(std::string(300000, ' ')), HEARTH_EUNSUPPORTED, "300000", "262144");
    CHECK_FAILS(regex("ab(?=c)"), HEARTH_EUNSUPPORTED, "column 3");
    CHECK_FAILS(regex("a{3,2}"), HEARTH_EINVAL, "line 1");
    CHECK_FAILS(gbnf("root ::= missing\n"), HEARTH_EINVAL, "line 1", "missing");
    CHECK_FAILS(gbnf("rot ::= \"a\""), HEARTH_EINVAL, "root");
    CHECK_FAILS(hearth_sampling_set_choices(s, nullptr, nullptr, 0), HEARTH_EINVAL, "choice");
    const char* texts[] = {"a", nullptr};
    CHECK_FAILS(hearth_sampling_set_choices(s, texts, nullptr, 2), HEARTH_EINVAL, "texts[1]");
    CHECK_FAILS(hearth_sampling_set_choices(s, nullptr, nullptr, 2), HEARTH_EINVAL, "texts");
    CHECK_FAILS(hearth_sampling_set_choices(nullptr, texts, nullptr, 1), HEARTH_EINVAL, "sampling");
    CHECK_FAILS(hearth_sampling_set_schema(nullptr, "{}", 2), HEARTH_EINVAL, "sampling");
    CHECK_FAILS(hearth_sampling_set_schema(s, nullptr, 2), HEARTH_EINVAL, "text");
    CHECK_FAILS(hearth_sampling_set_regex(s, nullptr, 0), HEARTH_EINVAL, "text");
    CHECK_FAILS(hearth_sampling_set_gbnf(nullptr, "", 0), HEARTH_EINVAL, "sampling");
    CHECK_FAILS(hearth_sampling_clear_constraint(nullptr), HEARTH_EINVAL, "sampling");
    CHECK(f.generate(0).text == "only this");

    const auto session = f.session();
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    CHECK_FAILS(hearth_session_generate(
                    nullptr, session.get(), s, &o, [](const hearth_event*, void*) { return 0; }, nullptr),
                HEARTH_EINVAL, "constrained", "cannot be ignored");
    o.flags = 0;  // and the session is free
    CHECK_OK(hearth_session_generate(
        nullptr, session.get(), s, &o, [](const hearth_event*, void*) { return 0; }, nullptr));
}

TEST_CASE("constrained output: a forced call of a tool is one, in the notation of the dialect") {
    Constrained f;
    hearth_sampling* s = f.sampling();
    const std::string tools =
        R"([{"type":"function","function":{"name":"add","parameters":{"type":"object","properties":{
        "a":{"type":"integer","minimum":0,"maximum":99},"b":{"enum":[1,2]}},"required":["a","b"],
        "additionalProperties":false}}},{"name":"stop"}])";
    const auto force = [&](const char* name, const char* dialect) {
        return hearth_sampling_set_tool_choice(s, tools.data(), tools.size(), name, dialect);
    };
    CHECK_OK(force(nullptr, nullptr));
    for (std::uint32_t seed = 0; seed < 4; ++seed) {
        f.set("seed", seed);
        const Generated out = f.generate(0);
        CHECK(out.reason == HEARTH_FINISH_STOP);
        const Value call = Value::parse(out.text, nullptr, false);
        REQUIRE_MESSAGE(!call.is_discarded(), out.text);
        CHECK((call.at("name") == "add" || (call.at("name") == "stop" && call.at("arguments") == Value::object())));
    }
    CHECK_OK(force("add", "hermes"));
    const Generated out = f.generate(0);
    CHECK_MESSAGE(
        std::regex_match(out.text,
                         std::regex("<tool_call>\n\\{\"name\": \"add\", \"arguments\": \\{[^}]*\\}\\}\n</tool_call>")),
        out.text);
    CHECK_FAILS(force("subtract", nullptr), HEARTH_ENOTFOUND, "subtract");
    CHECK_FAILS(force(nullptr, "none"), HEARTH_EINVAL, "'none'");
    CHECK_FAILS(hearth_sampling_set_tool_choice(s, "[]", 2, nullptr, nullptr), HEARTH_EINVAL, "tools");
    CHECK_FAILS(hearth_sampling_set_tool_choice(s, nullptr, 0, nullptr, nullptr), HEARTH_EINVAL, "tools");
    CHECK_FAILS(hearth_sampling_set_tool_choice(nullptr, "[]", 2, nullptr, nullptr), HEARTH_EINVAL, "sampling");
    CHECK(f.generate(0).text == out.text);
    CHECK_OK(force("add", "glm"));
    const std::string in_tags = f.generate(0).text;
    CHECK_MESSAGE(std::regex_match(in_tags, std::regex("<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>\\d\\d?</arg_value>\n"
                                                       "<arg_key>b</arg_key>\n<arg_value>[12]</arg_value>\n</tool_call>")),
                  in_tags);
}

TEST_CASE("constrained output: a model that tells stories fills a form") {
    if (!std::filesystem::exists(shared("stories260K.gguf"))) return skipped("stories", 1);
    Constrained f(shared("stories260K.gguf"));
    const Value schema = Value::parse(R"({"type":"object","properties":{"title":{"type":"string","minLength":3,
        "maxLength":40},"words":{"type":"array","items":{"type":"string","pattern":"^[a-z]{2,8}$"},"minItems":1,
        "maxItems":4},"happy":{"type":"boolean"}},"required":["title","words","happy"],"additionalProperties":false})");
    const std::string text = schema.dump();
    CHECK_OK(hearth_sampling_set_schema(f.sampling(), text.data(), text.size()));
    std::size_t whole = 0;
    for (std::uint32_t seed = 0; seed < 12; ++seed) {
        f.set("seed", seed);
        const Generated out = f.generate(120);
        if (out.reason == HEARTH_FINISH_LENGTH) continue;
        ++whole;
        const Value value = Value::parse(out.text, nullptr, false);
        REQUIRE_MESSAGE(!value.is_discarded(), out.text);
        CHECK_MESSAGE(Validator(schema).valid(value), out.text);
    }
    CHECK(whole > 6);
}
