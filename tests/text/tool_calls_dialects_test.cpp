// Tool calls, by hand: the shapes of each dialect that no golden template renders.
#include <doctest/doctest.h>

#include <string>

#include "text/chat_turn.hpp"

using namespace hearth;
using test::call;
using test::check_turn;
using test::cut;

TEST_CASE("tool calls: arguments between tags become JSON of the schema's types") {
    const auto coder = [](const std::string& key, const std::string& value) {
        return "<tool_call>\n<function=f>\n<parameter=" + key + ">\n" + value +
               "\n</parameter>\n</function>\n</tool_call>";
    };
    const auto gives = [&](const std::string& key, const std::string& value, const std::string& json) {
        check_turn("qwen3_coder", coder(key, value), "", "", {call("f", "{\"" + key + "\": " + json + "}")});
    };
    gives("s", "12", "\"12\"");
    gives("s", "a \"b\"\n\n<c> \\ \t", R"("a \"b\"\n\n<c> \\ \t")");
    gives("s", "", "\"\"");
    gives("s", "\n", R"("\n")");
    gives("n", "12", "12");
    gives("n", "twelve", "\"twelve\"");
    gives("b", "True", "true");
    gives("b", "false", "false");
    gives("o", "{\"a\": 1}", "{\"a\": 1}");
    gives("o", "{'a': 'b', 'c': None}", R"({"a": "b", "c": null})");
    gives("l", "['a', (1, 2)]", R"(["a", [1, 2]])");
    gives("l", "1", "\"1\"");
    gives("sn", "null", "null");
    gives("sn", "nothing", "\"nothing\"");
    gives("any", "5", "5");
    gives("any", "five", "\"five\"");
    gives("e", "1", "\"1\"");
    gives("unknown", "5", "5");
    gives("unknown", "[1, 2", "\"[1, 2\"");
    gives("unknown", "\"quoted\"", R"("\"quoted\"")");
    gives("unknown", "-1.50e+9", "-1.50e+9");
    check_turn("qwen3_coder", "Sure.\n\n<function=f>\n</function>\n</tool_call> ok", "Sure.ok", "", {call("f", "{}")});
    check_turn("qwen3_coder", "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", "", "", {call("f", "{}")});
    check_turn(
        "minicpm",
        "<function name=\"f\"><param name=\"s\"><![CDATA[a</param>]]></param><param name=\"n\">1</param></function>",
        "", "", {call("f", R"({"s": "a</param>", "n": 1})")});
    check_turn("minicpm", "<function name=\"f\"></function>.", ".", "", {call("f", "{}")});
    check_turn("glm",
               "<tool_call>f<arg_key>n</arg_key><arg_value>1</arg_value><arg_key>s</arg_key><arg_value>1</arg_value></"
               "tool_call>",
               "", "", {call("f", R"({"n": 1, "s": "1"})")});
    check_turn("glm", "<tool_call>f</tool_call><tool_call>g\n</tool_call>", "", "", {call("f", "{}"), call("g", "{}")});
    check_turn("glm", "the <tool_call> tag is", "the <tool_call> tag is", "");
    check_turn("minimax",
               "a\n<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"n\">1</parameter>\n</invoke>\n<invoke "
               "name=\"g\">\n"
               "</invoke>\n</minimax:tool_call>",
               "a", "", {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("seed_oss", "<seed:tool_call><function=f><parameter=s>\nx\n</parameter></function></seed:tool_call>", "",
               "", {call("f", R"({"s": "\nx\n"})")});
}

TEST_CASE("tool calls: names between marks") {
    check_turn("mistral", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"n\": 1}, \"id\": \"abcdefghi\"}]", "", "",
               {call("f", "{\"n\": 1}", "abcdefghi")});
    check_turn("mistral", "So: [TOOL_CALLS]f[ARGS]{\"n\": 1}[TOOL_CALLS]g[ARGS]{}", "So:", "",
               {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("mistral", "[TOOL_CALLS]f{\"n\": 1}", "", "", {call("f", "{\"n\": 1}")});
    check_turn("mistral", "[{\"name\": \"f\", \"arguments\": {}}]", "", "", {call("f", "{}")});
    check_turn("mistral", "[1, 2] is a list", "[1, 2] is a list", "");
    const std::string begin = "<｜tool▁call▁begin｜>", sep = "<｜tool▁sep｜>", end = "<｜tool▁call▁end｜>";
    check_turn("deepseek",
               "a<｜tool▁calls▁begin｜>" + begin + "f" + sep + "{\"n\": 1}" + end + begin + "g" + sep + "{}" + end +
                   "<｜tool▁calls▁end｜>",
               "a", "", {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("deepseek",
               "<｜tool▁calls▁begin｜>" + begin + "function" + sep + "f\n```json\n{\"n\": 1}\n```" + end + "\n" +
                   begin + "function" + sep + "g\n```json\n{}\n```" + end + "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>",
               "", "", {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("kimi",
               "a <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"n\": 1}"
               "<|tool_call_end|><|tool_call_begin|>functions.g:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
               "<|tool_calls_section_end|><|im_end|>",
               "a", "", {call("f", "{\"n\": 1}", "functions.f:0"), call("g", "{}", "functions.g:1")});
    check_turn("functionary", "<function=f>{\"n\": 1}</function><function=g>{}</function><|eom_id|>", "", "",
               {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("functionary", "<|python_tag|>\"print(1)\"", "", "", {call("python", "\"print(1)\"")});
    check_turn("functionary_v3_2", "all\nHello, all.", "Hello, all.", "");
    check_turn("functionary_v3_2", "all\nI look.>>>f\n{\"n\": 1}>>>g\n{}", "I look.", "",
               {call("f", "{\"n\": 1}"), call("g", "{}")});
    check_turn("functionary_v3_2", "python\nprint(\"a >> b\")\n", "", "",
               {call("python", R"j("print(\"a >> b\")\n")j")});
    check_turn("functionary_v3_2", "Hello, you.\nI am.", "Hello, you.\nI am.", "");
    check_turn("functionary_v3_2", "all\n>>> 1 + 1\n2\n>>> and so", ">>> 1 + 1\n2\n>>> and so", "");
    check_turn("granite", "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]", "", "", {call("f", "{}")});
    check_turn("nemotron", "<TOOLCALL>[{\"name\": \"f\", \"arguments\": {}}]</TOOLCALL>", "", "", {call("f", "{}")});
    check_turn("apriel", "a\n<tool_calls>[{\"name\": \"f\", \"arguments\": {}, \"id\": \"1\"}]</tool_calls>\n<|end|>",
               "a", "", {call("f", "{}", "1")});
    check_turn(
        "cohere",
        "<|START_ACTION|>[\n {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {}}\n]<|END_ACTION|>", "",
        "", {call("f", "{}", "0")});
}

TEST_CASE("tool calls: harmony's channels") {
    check_turn("harmony",
               "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "b",
               "a");
    check_turn("harmony",
               "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>I "
               "look.<|end|><|start|>assistant"
               "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"n\": 1}<|call|>",
               "I look.", "a", {call("f", "{\"n\": 1}")});
    check_turn("harmony", " to=functions.f<|channel|>commentary json<|message|>{\"n\": 1}", "", "",
               {call("f", "{\"n\": 1}")});
    check_turn("harmony", "<|channel|>analysis to=python code<|message|>print(\"<|\")<|call|>", "", "",
               {call("python", R"j("print(\"<|\")")j")});
    check_turn("harmony", "Hello <|x|>.", "Hello <|x|>.", "");
    check_turn("harmony", "<|channel|>final<|message|>a<|message|> b", "a<|message|> b", "");
    check_turn("harmony", "<|channel|>ana", "", "");
    check_turn("harmony", "still<|end|><|start|>assistant<|channel|>final<|message|>b", "b", "still", {}, true);
    const std::string bad = "<|channel|>commentary to=functions.f<|message|>{\"n\": oh";
    check_turn("harmony", bad, bad, "", {cut("f", "{\"n\": ")});
}

TEST_CASE("tool calls: Python's notation and Gemma's") {
    check_turn(
        "lfm2",
        "Yes.<|tool_call_start|>[f(s=\"a\", n=3, b=True, o={'k': [1.5, None]}), g(x=-1e3)]<|tool_call_end|>Done.",
        "Yes.Done.", "",
        {call("f", R"({"s": "a", "n": 3, "b": true, "o": {"k": [1.5, null]}})"), call("g", "{\"x\": -1e3}")});
    check_turn("lfm2", "<|tool_call_start|>[f(s='it\\'s \\u00e9 \"x\" )]')]<|tool_call_end|>", "", "",
               {call("f", R"j({"s": "it's é \"x\" )]"})j")});
    check_turn("lfm2", "<|tool_call_start|>[f(\"a\", 3)]<|tool_call_end|>", "", "",
               {call("f", R"({"s": "a", "n": 3})")});
    check_turn("lfm2", "<|tool_call_start|>[h(1)]<|tool_call_end|>", "<|tool_call_start|>[h(1)]<|tool_call_end|>", "");
    check_turn("lfm2", "<|tool_call_start|>[{\"name\": \"f\", \"arguments\": {}}]<|tool_call_end|>", "", "",
               {call("f", "{}")});
    check_turn("gemma", "```tool_code\nprint(f(s=\"a\"))\n```", "", "", {call("f", "{\"s\": \"a\"}")});
    check_turn("gemma", "```tool_code\n[f(s=\"a\"), g()]\n```\n", "", "",
               {call("f", "{\"s\": \"a\"}"), call("g", "{}")});
    check_turn("gemma", "```json\n{\"name\": \"f\", \"parameters\": {}}\n```", "", "", {call("f", "{}")});
    check_turn("gemma", "```json\n{\"a\": 1}\n```", "```json\n{\"a\": 1}\n```", "");
    check_turn("llama3", "<|python_tag|>g.call(x=\"a\")<|eom_id|>", "", "", {call("g", "{\"x\": \"a\"}")});
    check_turn("gemma4", "<|tool_call>call:f{n:1,o:{k:<|\"|>v}<|\"|>,l:[true,None,<|\"|><|\"|>]},s:word}<tool_call|>",
               "", "", {call("f", R"({"n": 1, "o": {"k": "v}", "l": [true, null, ""]}, "s": "word"})")});
    check_turn("gemma4", "<|tool_call>call:f{}<tool_call|><|tool_call>call:g{}<tool_call|>", "", "",
               {call("f", "{}"), call("g", "{}")});
}
