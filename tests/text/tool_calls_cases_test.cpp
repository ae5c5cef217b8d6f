// Tool calls and reasoning, by hand: what models get wrong, and what only looks like a call.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "hearth/text/chat_parser.hpp"
#include "text/chat_turn.hpp"

using namespace hearth;
using test::call;
using test::check_turn;
using test::cut;
using test::Turn;

TEST_CASE("tool calls: JSON between tags") {
    const std::string one = R"(<tool_call>{"name": "f", "arguments": {"s": "a\"}</tool_call>\\"}}</tool_call>)";
    const auto good = call("f", R"({"s": "a\"}</tool_call>\\"})");
    check_turn("hermes", one, "", "", {good});
    check_turn("hermes", "Before.\n\n" + one + "\nBetween\n" + one + " after ", "Before.Betweenafter ", "",
               {good, good});
    check_turn("hermes", one + one + "\n" + one, "", "", {good, good, good});
    check_turn("hermes",
               "<tool_call>"
               R"({"arguments": {"n": 1}, "name": "f"})",
               "", "", {call("f", R"({"n": 1})")});
    check_turn("hermes",
               "<tool_call>"
               R"([{"name": "f"}, {"name": "g", "arguments": null}])"
               "</tool_call>",
               "", "", {call("f", "{}"), call("g", "{}")});
    check_turn("hermes",
               "<tool_call>"
               R"({"name":"f","arguments":{}} {"name":"g","arguments":{}})"
               "</tool_call>x",
               "x", "", {call("f", "{}"), call("g", "{}")});
    check_turn("hermes",
               "<tool_call>"
               R"({"id": 7, "type": "function", "function": {"name": "f", "arguments": "{\"n\": 1}"}})",
               "", "", {call("f", R"({"n": 1})", "7")});
    check_turn("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"two\nlines\"}}</tool_call>", "", "",
               {call("f", R"({"s": "two\nlines"})")});
    check_turn("hermes", "<tool_call>{\"name\": \"f\", \"arguments\": \"no json\"}</tool_call>", "", "",
               {call("f", R"("no json")")});
    check_turn(
        "hermes",
        "<tool_call>{\"n\\u0061me\": \"\\u00e9\", \"extra\": [1, {}], \"arguments\": {\"é\": \"\\ud83d\\ude00\"}}", "",
        "", {call("é", "{\"é\": \"\\ud83d\\ude00\"}")});
}

TEST_CASE("tool calls: what is broken or cut is content, and nothing is lost") {
    for (const std::string text : {"<tool_call>",
                                   "<tool_call>\n",
                                   "The <tool_call> tag",
                                   "a <tool_call> {name: f}</tool_call> b",
                                   "<tool_cal",
                                   "<tool_call>{\"name\": \"f\"",
                                   "<tool_call>{\"name\": 3, \"arguments\": {}}",
                                   "<tool_call>{\"arguments\": {}}",
                                   "<tool_call>{\"arguments\": {\"a\": 1}, \"name\"",
                                   "<tool_call>[]</tool_call>",
                                   "x </tool_call> y",
                                   "<tool_call><tool_call>{",
                                   "text <think> in the middle </think>",
                                   "ends with space \n",
                                   " \n begins with it",
                                   "{\"name\": \"f\", \"arguments\": {}}",
                                   "a <b",
                                   "<",
                                   "<<<tool_call",
                                   "</think>",
                                   "\n",
                                   " "})
        check_turn("hermes", text, text, "");
    // A call that was begun is withdrawn, and stands in the content.
    for (const auto& [arguments, rest] : std::vector<std::pair<std::string, std::string>>{
             {"{", "broken}</tool_call>"}, {"{\"s\": nul", "}}"}, {"{\"s\": 1", ""}, {"{\"s\": \"\\", "x\"}"}}) {
        const std::string head = "<tool_call>{\"name\": \"f\", \"arguments\": ";
        check_turn("hermes", "Hm. " + head + arguments + rest, "Hm. " + head + arguments + rest, "",
                   {cut("f", arguments)});
    }
    const std::string first = "<tool_call>[{\"name\": \"f\", \"arguments\": {}}";
    check_turn("hermes", first + ", {\"name\": \"g\", \"arguments\": {\"a\"",
               ", {\"name\": \"g\", \"arguments\": {\"a\"", "", {call("f", "{}"), cut("g", "{\"a\"")});
    check_turn("hermes", first + " & so on", " & so on", "", {call("f", "{}")});
    check_turn("mistral", "[TOOL_CALLS]f[ARGS]{\"a\": }", "[TOOL_CALLS]f[ARGS]{\"a\": }", "", {cut("f", "{\"a\": ")});
    check_turn("qwen3_coder", "<tool_call>\n<function=f>\n<parameter=n>\n12",
               "<tool_call>\n<function=f>\n<parameter=n>\n12", "", {cut("f", "{\"n\": ")});
    check_turn("lfm2", "<|tool_call_start|>[f(s=\"a\")", "<|tool_call_start|>[f(s=\"a\")", "");
    check_turn("gemma4", "<|tool_call>call:f{s:<|\"|>a}<tool_call|>", "<|tool_call>call:f{s:<|\"|>a}<tool_call|>", "");
}

TEST_CASE("tool calls: reasoning") {
    check_turn("hermes", "<think>\na\n\nb <tool_call>\n</think>\n\nc", "c", "a\n\nb <tool_call>");
    check_turn("hermes", "\n<think></think>\n\nc ", "c ", "");
    check_turn("hermes", "a\n</think>\n\nc", "c", "a", {}, true);
    check_turn("hermes", "\na < b </thin", "", "a < b </thin", {}, true);
    check_turn("hermes", "a", "", "a", {}, true);
    check_turn("hermes", "<thinking>a</think></thinking>b", "b", "a</think>");
    check_turn("seed_oss", "<seed:think>a</seed:think>b", "b", "a");
    check_turn("plain", "◁think▷a◁/think▷b", "b", "a");
    check_turn("mistral", "[THINK]a[/THINK]b", "b", "a");
    check_turn("mistral", "[THINK]a[TOOL_CALLS]f[ARGS]{}", "", "a", {call("f", "{}")});
    check_turn("cohere", "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "b", "a");
    check_turn("apertus", "<|inner_prefix|>a<|tools_prefix|>[{\"f\": {\"n\": 1}}]<|tools_suffix|>b<|inner_suffix|>c",
               "c", "ab", {call("f", "{\"n\": 1}")});
    check_turn("gemma4", "<|channel>thought\na\n<channel|>b<turn|>", "b", "a");
    check_turn("granite", "<think>a</think><response>b</response>", "b", "a");
    check_turn("granite", "The <response> tag </response>.", "The <response> tag </response>.", "");
    check_turn("apriel", "Here are my reasoning steps:\na\n[BEGIN FINAL RESPONSE]\nb\n[END FINAL RESPONSE]\n<|end|>",
               "b", "a");
    check_turn("hermes", "<think>a</think><tool_call>{\"name\": \"f\"}</tool_call><think>b</think>c", "c", "ab",
               {call("f", "{}")});
    CHECK(ChatParser::opens_reasoning("hermes", "<|im_start|>assistant\n<think>\n"));
    CHECK_FALSE(ChatParser::opens_reasoning("hermes", "<|im_start|>assistant\n<think>\n\n</think>\n\n"));
    CHECK_FALSE(ChatParser::opens_reasoning("hermes", ""));
    CHECK(ChatParser::opens_reasoning("gemma4", "<|turn>model\n<|channel>thought\n"));
    CHECK(ChatParser::opens_reasoning("harmony", "<|start|>assistant<|channel|>analysis<|message|>"));
    CHECK_FALSE(ChatParser::opens_reasoning("harmony", "<|start|>assistant<|channel|>final<|message|>"));
    CHECK_FALSE(ChatParser::opens_reasoning("harmony", "<|start|>assistant"));
}

TEST_CASE("tool calls: JSON without marks is a call only where it is one of the tools") {
    check_turn("llama3", "{\"name\": \"f\", \"parameters\": {\"n\": 1}}<|eot_id|>", "", "", {call("f", "{\"n\": 1}")});
    check_turn("llama3", "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}", "", "",
               {call("f", "{}"), call("g", "{}")});
    check_turn("llama3", "<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", "", "",
               {call("f", "{}")});
    check_turn("plain", "\n\n{\"function\": \"f\", \"args\": {}} then", "then", "", {call("f", "{}")});
    check_turn("plain", "```json\n{\"name\": \"f\", \"arguments\": {}}\n```", "", "", {call("f", "{}")});
    for (const std::string text :
         {"{\"name\": \"Bob\", \"parameters\": {}}", "{\"name\": \"f\", \"age\": 3}", "{\"name\": \"f\"}",
          "{\"answer\": {}}", "{}", "[]", "{ is a brace", " {\"name\": \"f\", \"arguments\": 3}",
          "[{\"name\": \"f\", \"parameters\": [1]}]", "See {\"name\": \"f\", \"parameters\": {}}", "```json\n[1]\n```"})
        check_turn("plain", text, text, "");
    check_turn("plain", "{\"name\": \"any\", \"arguments\": {}}", "", "", {call("any", "{}")}, false, "");
}

TEST_CASE("tool calls: wrong options are refused with a sentence") {
    ChatParserOptions options;
    options.dialect = "klingon";
    CHECK(ChatParser::create(options).status().message().find("there is no dialect 'klingon'; there are harmony, ") ==
          0);
    options.dialect = "plain";
    for (const char* tools : {"{", "{}", "[{}]", "[3]", "[{\"function\": {\"name\": 3}}]", "\"x\""}) {
        options.tools = tools;
        CHECK_FALSE(ChatParser::create(options).ok());
    }
    for (const char* tools : {"", "null", "[]", "[{\"name\": \"f\", \"parameters\": 3}]", test::kChatTools}) {
        options.tools = tools;
        CHECK(ChatParser::create(options).ok());
    }
    for (const std::string_view name : ChatParser::dialects()) {
        options.dialect = name;
        CHECK(ChatParser::create(options).ok());
    }
    CHECK(ChatParser::dialects().size() == 22);
    CHECK(ChatParser::detect("{{ messages }}") == "plain");
    CHECK(ChatParser::detect("x >>>all y") == "functionary_v3_2");
}

TEST_CASE("tool calls: control tokens that the host names are not shown") {
    ChatParserOptions options;
    options.control = {"</s>", "<X>", ""};
    CHECK(test::parsed({"a <X>b </s>"}, options).content == "a b ");
    CHECK(test::parsed({"a ", "<", "X>b </", "s"}, options).content == "a b </s");
}

TEST_CASE("tool calls: events come as early as they are sure") {
    ChatParserOptions options;
    options.dialect = "hermes";
    auto parser = ChatParser::create(options);
    REQUIRE(parser.ok());
    const auto gives = [&](const std::string& piece, const std::string& events) {
        parser->feed(piece);
        std::string said;
        ChatEvent event;
        while (parser->next(event)) {
            const auto kind = static_cast<std::size_t>(event.kind);
            said += std::string("crbae")[kind] + std::string(":") + event.name + event.text + ";";
        }
        CHECK_MESSAGE(said == events, piece);
    };
    gives("<thi", "");
    gives("nk>\n", "");
    gives("Well", "r:Well;");
    gives(", \n", "r:,;");
    gives("</think", "");
    gives(">\n\n", "");
    gives("Hello <b", "c:Hello <b;");
    gives("> <tool", "c:>;");
    gives("s", "c: <tools;");
    gives(" <tool_call>", "");
    gives("{\"name\": \"get\", ", "");
    gives("\"arguments\": ", "");
    gives("{\"s\": \"ab", "b:get;a:{\"s\": \"ab;");
    gives("\\", "a:\\;");
    gives("\"c", "a:\"c;");
    gives("\"}", "a:\"};");
    gives("}", "e:;");
    gives("</tool_call>\n", "");
    gives("!", "c:!;");
    parser->finish();
    gives("too late", "");
    CHECK(parser->raw().ends_with("!"));
}

TEST_CASE("tool calls: strings between tags leave as they arrive") {
    ChatParserOptions options;
    options.dialect = "qwen3_coder";
    options.tools = test::kChatTools;
    auto parser = ChatParser::create(options);
    REQUIRE(parser.ok());
    parser->feed("<tool_call><function=f><parameter=s>\nThe beginning of a long file,\n");
    std::string arguments;
    ChatEvent event;
    while (parser->next(event))
        if (event.kind == ChatEvent::Kind::tool_arguments) arguments += event.text;
    CHECK(arguments.starts_with("{\"s\": \"The beginning"));
}
