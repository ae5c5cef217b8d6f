// Forced calls of tools: whatever a vocabulary's tokens are drawn at random writes, the dialect's parser reads it back.
#include "hearth/text/forced_call.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"
#include "hearth/text/chat_parser.hpp"
#include "support/golden.hpp"
#include "text/grammar_support.hpp"
#include "text/json_validator.hpp"

namespace hearth {
namespace {

constexpr std::string_view kTools = R"([
    {"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{
        "city":{"type":"string","pattern":"^[A-Z][a-z]{2,8}$"},"days":{"type":"integer","minimum":1,"maximum":14},
        "unit":{"enum":["C","F"]}},"required":["city","days"],"additionalProperties":false}}},
    {"name":"tree.walk-2","parameters":{"$defs":{"n":{"type":"object","properties":{"v":{"type":"boolean"},
        "n":{"$ref":"#/$defs/n"}},"required":["v"],"additionalProperties":false}},"properties":{"root":{"$ref":"#/$defs/n"}},
        "required":["root"],"additionalProperties":false}},
    {"type":"function","function":{"name":"now"}},
    {"name":"note","parameters":{"$defs":{"tag":{"type":"string","enum":["<b>","x","7"]}},"properties":{
        "text":{"type":"string"},"short":{"type":"string","maxLength":5},"tag":{"$ref":"#/$defs/tag"},
        "either":{"type":["string","integer","null"]},"one":{"enum":["true",true,null,"ab",2]},
        "lines":{"type":"array","items":{"type":"string"},"maxItems":2},"day":{"type":"string","format":"date"},
        "more":{"properties":{"k<":{"const":"</parameter>"}},"required":["k<"],"additionalProperties":false,"type":"object"}},
        "required":["text","either"],"additionalProperties":false}},
    {"name":"set","parameters":{"additionalProperties":{"type":"boolean"},"minProperties":1}}])";

// Every byte that is text, control tokens, and one that ends generation.
std::shared_ptr<const TokenBytes> vocabulary(const std::vector<std::string>& controls) {
    std::vector<std::string> pieces;
    pieces.reserve(300);
    for (int byte = 0; byte < 255; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
    for (const char* piece : {"{\"", "\": ", "\", \"", "}}", "tool_call", "name", "<|", "get_", "_call", "\n{"})
        pieces.emplace_back(piece);
    for (const std::string& control : controls) pieces.push_back(cat(TokenBytes::kControl, control));
    pieces.emplace_back("</end>");
    const auto end = static_cast<Token>(pieces.size() - 1);
    return TokenBytes::make(std::move(pieces), {end});
}

const std::vector<std::string> kControls = {"[TOOL_CALLS]",
                                            "<|tool_call|>",
                                            "<|START_ACTION|>",
                                            "<|END_ACTION|>",
                                            "<|tools_prefix|>",
                                            "<|tools_suffix|>",
                                            "<|tool_call_start|>",
                                            "<|tool_call_end|>",
                                            "<｜tool▁calls▁begin｜>",
                                            "<｜tool▁call▁begin｜>",
                                            "<｜tool▁sep｜>",
                                            "<｜tool▁call▁end｜>",
                                            "<｜tool▁calls▁end｜>",
                                            "<|tool_calls_section_begin|>",
                                            "<|tool_calls_section_end|>",
                                            "<|tool_call_begin|>",
                                            "<|tool_call_argument_begin|>",
                                            "<|channel|>",
                                            "<|constrain|>",
                                            "<|message|>",
                                            "<|tool_call>",
                                            "<tool_call|>",
                                            "<|\"|>",
                                            "<arg_key>",
                                            "</arg_key>",
                                            "<arg_value>",
                                            "</arg_value>",
                                            "</tool_call>",
                                            "<|",
                                            "<s>"};

struct Read {
    std::string name, arguments, content;
    std::size_t calls = 0;
    bool complete = true;
};

Read read(std::string_view dialect, const std::string& text) {
    ChatParserOptions options;
    options.dialect = dialect;
    options.tools = kTools;
    auto parser = ChatParser::create(options);
    REQUIRE_MESSAGE(parser.ok(), parser.status().message());
    parser->feed(text);
    parser->finish();
    Read out;
    for (ChatEvent e; parser->next(e);) {
        if (e.kind == ChatEvent::Kind::tool_begin) {
            ++out.calls;
            out.name = e.name;
        }
        if (e.kind == ChatEvent::Kind::tool_arguments) out.arguments += e.text;
        if (e.kind == ChatEvent::Kind::tool_end) out.complete = e.complete;
        if (e.kind == ChatEvent::Kind::content || e.kind == ChatEvent::Kind::reasoning) out.content += e.text;
    }
    return out;
}

TEST_CASE("forced call: the parser of every dialect reads back what masks let through") {
    std::mt19937 random(11);
    const test::Value tools = test::Value::parse(kTools);
    const auto schema = [&](const std::string& name) {
        if (name == "get_weather") return tools[0]["function"]["parameters"];
        for (const auto& tool : tools)
            if (tool.value("name", "") == name) return tool["parameters"];
        return test::Value{{"type", "object"}, {"maxProperties", 0}};
    };
    std::set<std::string> names;
    for (const std::string_view dialect : ChatParser::dialects())
        for (const bool controls : {true, false}) {
            CAPTURE(dialect);
            auto all = kControls;
            if (dialect == "mistral" && random() % 2 == 0) all.emplace_back("[ARGS]");
            const auto tokens = vocabulary(controls ? all : std::vector<std::string>{});
            const auto call = ForcedCall::make(kTools, "", "");
            REQUIRE_MESSAGE(call.ok(), call.status().message());
            const auto grammar = (*call)->grammar(dialect, *tokens);
            REQUIRE_MESSAGE(grammar.ok(), grammar.status().message());
            std::size_t whole = 0;
            for (int i = 0; i < (test::kThin ? 10 : 30); ++i) {
                auto text = test::generate(*grammar, tokens, random, 3000);
                if (!text) continue;
                ++whole;
                // Where the vocabulary has a control token, its spelling in other tokens does not stand for it.
                if (controls && text->find("<|channel|>") != std::string::npos)
                    CHECK(text->find("\xff<|channel|>") != std::string::npos);
                std::erase(*text, TokenBytes::kControl);
                CAPTURE(*text);
                const Read got = read(dialect, *text);
                CHECK(got.calls == 1);
                CHECK(got.complete);
                CHECK(got.content.empty());
                names.insert(got.name);
                const test::Value value = test::Value::parse(got.arguments, nullptr, false);
                REQUIRE(!value.is_discarded());
                const test::Value wanted = schema(got.name);
                CHECK(test::Validator(wanted).valid(value));
            }
            CHECK(whole > (test::kThin ? 1 : 6));
        }
    CHECK(names == std::set<std::string>{"get_weather", "note", "now", "set", "tree.walk-2"});
}

TEST_CASE("forced call: one tool by name, and a dialect that overrides the model's") {
    const auto tokens = vocabulary({});
    const auto call = ForcedCall::make(kTools, "now", "hermes");
    REQUIRE_MESSAGE(call.ok(), call.status().message());
    const auto grammar = (*call)->grammar("glm", *tokens);
    REQUIRE(grammar.ok());
    Constraint constraint(*grammar, tokens);
    CHECK(constraint.accept_text("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>").ok());
    CHECK(*constraint.must_end());
}

TEST_CASE("forced call: calls as the golden templates write them are allowed") {
    constexpr std::string_view kWeather = R"([{"name":"get_weather","parameters":{"type":"object","properties":{
        "city":{"type":"string"},"days":{"type":"integer"},"hourly":{"type":"boolean"},
        "limits":{"type":"array","items":{"type":"number"}},"note":{"type":["string","null"]}},"required":["city"]}}])";
    const auto tokens = vocabulary({});
    for (const auto& [dialect, text] :
         {std::pair("qwen3_coder",
                    "<tool_call>\n<function=get_weather>\n<parameter=city>\nZürich\n</parameter>\n"
                    "<parameter=days>\n3\n</parameter>\n<parameter=hourly>\nTrue\n</parameter>\n"
                    "<parameter=limits>\n[0.5, -2]\n</parameter>\n<parameter=note>\nNone\n</parameter>\n"
                    "</function>\n</tool_call>"),
          std::pair("seed_oss",
                    "<seed:tool_call>\n<function=get_weather>\n<parameter=city>a < b\n</c></parameter>\n"
                    "<parameter=hourly>True</parameter>\n</function>\n</seed:tool_call>"),
          std::pair("minimax",
                    "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Zürich"
                    "</parameter>\n<parameter name=\"note\">no\n</parameter>\n</invoke>\n</minimax:tool_call>"),
          std::pair("minicpm",
                    "<function name=\"get_weather\"><param name=\"city\"><![CDATA[<a>]]></param>"
                    "<param name=\"days\">3</param></function>"),
          std::pair("glm",
                    "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Zürich</arg_value>\n"
                    "<arg_key>limits</arg_key>\n<arg_value>[0.5, -2]</arg_value>\n</tool_call>"),
          std::pair("gemma4",
                    "<|tool_call>call:get_weather{city:<|\"|>Zürich <|<|\"|>,days:3,hourly:true,limits:[0.5,-2],"
                    "note:None}<tool_call|>")}) {
        CAPTURE(dialect);
        const auto call = ForcedCall::make(kWeather, "", dialect);
        REQUIRE_MESSAGE(call.ok(), call.status().message());
        const auto grammar = (*call)->grammar("plain", *tokens);
        REQUIRE_MESSAGE(grammar.ok(), grammar.status().message());
        Constraint constraint(*grammar, tokens);
        CHECK(constraint.accept_text(text).ok());
        CHECK(*constraint.can_end());
    }
}

TEST_CASE("forced call: where the prompt ends in reasoning, that comes first") {
    const auto tokens = vocabulary({});
    const auto call = ForcedCall::make(kTools, "now", "");
    REQUIRE(call.ok());
    ConstraintSource source(*call);
    constexpr std::string_view kCall = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
    for (const auto& [prompt, before] :
         {std::pair("<|im_start|>assistant\n", ""),
          std::pair("<|im_start|>assistant\n<think>\n", "a < b </think </think>\n\n"),
          std::pair("<think>\n\n</think>\n\n", ""), std::pair("<think>", "</think>\n\n")}) {
        CAPTURE(prompt);
        auto constraint = source.begin(tokens, "hermes", prompt);
        REQUIRE_MESSAGE(constraint.ok(), constraint.status().message());
        CHECK(constraint->accept_text(before).ok());
        CHECK(!*constraint->can_end());
        CHECK(constraint->accept_text(kCall).ok());
        CHECK(*constraint->must_end());
    }
    auto open = source.begin(tokens, "hermes", "<think>");
    REQUIRE(open.ok());
    CHECK(open->accept_text("<tool_call>\n{\"name\"").ok());  // the model thinks of a call
    CHECK(!*open->can_end());
}

TEST_CASE("forced call: parameters that a dialect cannot write are refused by name") {
    for (const auto& [parameters, words] :
         {std::pair(R"({"anyOf":[{"required":["a"]}]})", "anyOf for the whole"),
          std::pair(R"({"properties":{"a b":{}},"required":["a b"]})", "\"a b\""),
          std::pair(R"({"properties":{"a":{"type":["string","integer"],"pattern":"^1"}}})",
                    "a pattern or format beside")}) {
        const auto call = ForcedCall::make(cat(R"([{"name":"f","parameters":)", parameters, "}]"), "", "");
        REQUIRE_MESSAGE(call.ok(), call.status().message());
        const auto grammar = (*call)->grammar("glm", *vocabulary({}));
        REQUIRE(!grammar.ok());
        CHECK(grammar.status().code() == Code::unsupported);
        CHECK_MESSAGE(grammar.status().message().find(cat("parameters of tool 'f': schema at ")) != std::string::npos,
                      grammar.status().message());
        CHECK_MESSAGE(grammar.status().message().find(words) != std::string::npos, grammar.status().message());
    }
}

TEST_CASE("forced call: wrong tools and names are refused with what is wrong") {
    const auto fails = [](std::string_view tools, std::string_view name, std::string_view dialect, Code code,
                          std::string_view words) {
        const auto call = ForcedCall::make(tools, name, dialect);
        REQUIRE(!call.ok());
        CHECK(call.status().code() == code);
        CHECK_MESSAGE(call.status().message().find(words) != std::string::npos, call.status().message());
    };
    fails("[", "", "", Code::malformed, "tools is not JSON at byte 1");
    fails("{}", "", "", Code::invalid_argument, "JSON array");
    fails("[]", "", "", Code::invalid_argument, "JSON array");
    fails("[1]", "", "", Code::invalid_argument, "tool 0 has no name");
    fails(R"([{"name":"a"},{"function":{"name":"a"}}])", "", "", Code::invalid_argument, "two tools have the name 'a'");
    fails(R"([{"name":"a\"b"}])", "", "", Code::invalid_argument, "tool 0");
    fails(kTools, "then", "", Code::not_found, "'then'");
    fails(kTools, "", "klingon", Code::invalid_argument, "'klingon'");
    fails(R"([{"name":"a","parameters":{"properties":{"x":{"not":{}}}}}])", "", "", Code::unsupported,
          "parameters of tool 'a': schema at /properties/x: keyword 'not'");
    fails(R"([{"name":"a","parameters":{"type":"string"}}])", "", "", Code::invalid_argument, "no text");
    fails("[{\"name\":\"\xff\"}]", "", "", Code::invalid_utf8, "byte 10");
}

}  // namespace
}  // namespace hearth
