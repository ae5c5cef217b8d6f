// Forced calls of tools: whatever a vocabulary's tokens are drawn at random writes, the dialect's parser reads it back.
#include "hearth/text/forced_call.hpp"

#include <algorithm>

#include "hearth/base/cat.hpp"
#include "hearth/text/chat_parser.hpp"
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
    {"type":"function","function":{"name":"now"}}])";

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
        if (name == "tree.walk-2") return tools[1]["parameters"];
        return test::Value{{"type", "object"}, {"maxProperties", 0}};
    };
    std::vector<std::string> refused;
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
            if (!grammar.ok()) {
                CHECK_MESSAGE(grammar.status().message().find(cat("'", dialect, "'")) != std::string::npos,
                              grammar.status().message());
                if (controls) refused.emplace_back(dialect);
                continue;
            }
            std::size_t whole = 0;
            for (int i = 0; i < 12; ++i) {
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
            CHECK(whole > 6);
        }
    CHECK(names == std::set<std::string>{"get_weather", "now", "tree.walk-2"});
    std::sort(refused.begin(), refused.end());
    CHECK(refused == std::vector<std::string>{"gemma4", "glm", "minicpm", "minimax", "seed_oss"});
}

TEST_CASE("forced call: one tool by name, and a dialect that overrides the model's") {
    const auto tokens = vocabulary(kControls);
    const auto call = ForcedCall::make(kTools, "now", "hermes");
    REQUIRE_MESSAGE(call.ok(), call.status().message());
    const auto grammar = (*call)->grammar("glm", *tokens);
    REQUIRE(grammar.ok());
    Constraint constraint(*grammar, tokens);
    CHECK(constraint.accept_text("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>").ok());
    CHECK(*constraint.must_end());
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
