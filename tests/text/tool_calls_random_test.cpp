// Tool calls cut short, mutated and made of random parts: nothing is lost, and nothing takes long.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/utf8.hpp"
#include "hearth/text/chat_parser.hpp"
#include "support/golden.hpp"
#include "text/chat_turn.hpp"

using namespace hearth;
using test::Turn;
using Json = nlohmann::json;

namespace {

// A turn with a call of each dialect.
const std::vector<std::pair<const char*, std::string>>& turns() {
    static const std::vector<std::pair<const char*, std::string>> kTurns = {
        {"hermes", "Hi.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"é\\n\"}}\n</tool_call>"},
        {"qwen3_coder",
         "<tool_call>\n<function=f>\n<parameter=s>\né\n\n</parameter>\n<parameter=x>\n[1]\n</parameter>\n"
         "</function>\n</tool_call>"},
        {"minicpm", "<function name=\"f\"><param name=\"s\"><![CDATA[<é>]]></param></function>"},
        {"glm", "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>é</arg_value>\n</tool_call>"},
        {"mistral", "[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{\"s\": \"é\"}"},
        {"deepseek",
         "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"s\": "
         "\"é\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
        {"kimi",
         "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"s\": \"é\"}"
         "<|tool_call_end|><|tool_calls_section_end|>"},
        {"lfm2", "<|tool_call_start|>[f(s=\"é\")]<|tool_call_end|>"},
        {"gemma4", "<|tool_call>call:f{s:<|\"|>é<|\"|>}<tool_call|>"},
        {"llama3", "{\"name\": \"f\", \"parameters\": {\"s\": \"é\"}}"},
        {"harmony", "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{\"s\": \"é\"}<|call|>"},
        {"apertus", "<|tools_prefix|>[{\"f\": {\"s\": \"é\"}}]<|tools_suffix|>"},
        {"cohere", "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"s\": \"é\"}}]"},
        {"minimax",
         "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"s\">é</parameter>\n</invoke>\n"
         "</minimax:tool_call>"},
        {"seed_oss", "<seed:tool_call>\n<function=f>\n<parameter=s>é</parameter>\n</function>\n</seed:tool_call>"},
        {"nemotron", "<TOOLCALL>[{\"name\": \"f\", \"arguments\": {\"s\": \"é\"}}]</TOOLCALL>"},
        {"apriel", "<tool_calls>[{\"name\": \"f\", \"arguments\": {\"s\": \"é\"}, \"id\": \"1\"}]</tool_calls>"},
        {"functionary", "<function=f>{\"s\": \"é\"}</function>"},
        {"functionary_v3_2", "f\n{\"s\": \"é\"}"},
        {"granite", "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"s\": \"é\"}}]"},
        {"gemma", "```tool_code\nprint(f(s='é'))\n```"},
        {"plain", "```json\n{\"name\": \"f\", \"arguments\": {\"s\": \"é\"}}\n```"},
    };
    return kTurns;
}

}  // namespace

TEST_CASE("tool calls: every cut of a call gives the same text back, or the call") {
    for (const auto& [dialect, text] : turns())
        for (std::size_t size = 0; size <= text.size(); ++size) {
            const std::string part = text.substr(0, size);
            ChatParserOptions options;
            options.dialect = dialect;
            options.tools = test::kChatTools;
            const Turn turn = test::parsed({part}, options);
            INFO(dialect << ": " << part << ": " << turn);
            CHECK(turn.raw == part);
            CHECK(turn.calls.size() <= 1);
            if (!turn.calls.empty() && turn.calls[0].complete) {
                CHECK(Json::accept(turn.calls[0].arguments));
                CHECK(turn.content == (part.starts_with("Hi.") ? "Hi." : ""));
            } else {
                // Whole control tokens before the call are dropped, a call under way is not.
                CHECK(part.ends_with(turn.content));
                const bool sections = std::string_view(dialect) == "deepseek" || std::string_view(dialect) == "kimi";
                if (!sections && std::string_view(dialect) != "harmony") CHECK(turn.content == part);
            }
            if (size == text.size()) CHECK((turn.calls.size() == 1 && turn.calls[0].complete));
            CHECK(test::parsed(test::bytes_of(part), options) == turn);
        }
}

TEST_CASE("tool calls: random texts of marks give the same at any cut, and lose nothing") {
    const std::vector<std::string> parts = {"<tool_call>",
                                            "</tool_call>",
                                            "{\"name\": \"f\", \"arguments\": ",
                                            "{\"s\": \"",
                                            "\"}",
                                            "}",
                                            "[",
                                            "]",
                                            ",",
                                            "{",
                                            "\"",
                                            "\\",
                                            "\n",
                                            " ",
                                            "a",
                                            "é",
                                            "<function=f>",
                                            "</function>",
                                            "<parameter=s>",
                                            "</parameter>",
                                            "<parameter=n>",
                                            "1",
                                            "<think>",
                                            "</think>",
                                            "[TOOL_CALLS]",
                                            "f",
                                            "[ARGS]",
                                            "<arg_key>",
                                            "</arg_key>",
                                            "<arg_value>",
                                            "</arg_value>",
                                            "<|channel|>",
                                            "analysis",
                                            " to=functions.f",
                                            "<|message|>",
                                            "<|call|>",
                                            "<|end|>",
                                            "<|start|>assistant",
                                            "<|tool_call_start|>",
                                            "[f(s='",
                                            "')]",
                                            "<|tool_call>",
                                            "call:f{",
                                            "s:<|\"|>",
                                            "<|\"|>}",
                                            "<tool_call|>",
                                            "<｜tool▁call▁begin｜>",
                                            "<｜tool▁sep｜>",
                                            "```json\n",
                                            "```",
                                            ">>>",
                                            "all\n",
                                            "f\n",
                                            "<|",
                                            "\xff",
                                            "\xc3",
                                            std::string(1, '\0'),
                                            "<|tool_call_begin|>",
                                            "functions.f:0",
                                            "<|tool_call_argument_begin|>",
                                            "<invoke name=\"f\">",
                                            "<param name=\"s\">",
                                            "<![CDATA[",
                                            "]]>",
                                            "</param>",
                                            "<|python_tag|>",
                                            "<function name=\"f\">",
                                            "<tools_prefix|>",
                                            "<|tools_prefix|>[{\"f\": ",
                                            "<TOOLCALL>",
                                            "null",
                                            "true",
                                            "-"};
    std::mt19937_64 rng(11);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(rng() % n); };
    const auto names = ChatParser::dialects();
    const std::size_t rounds = test::long_run() ? 400'000 : test::kThin ? 2'000 : 6'000;
    std::size_t calls = 0, whole = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
        std::string text;
        ChatParserOptions options;
        options.dialect = names[below(names.size())];
        if (below(3) != 0) {
            // A turn, or two, with some changes.
            const auto& one = turns()[below(turns().size())];
            options.dialect = one.first;
            for (std::size_t n = 1 + below(2); n != 0; --n) text += one.second;
            for (std::size_t n = below(4); n != 0; --n) {
                const std::size_t at = below(text.size() + 1);
                if (below(2) == 0)
                    text.insert(at, parts[below(parts.size())]);
                else
                    text.erase(at, 1 + below(5));
            }
        } else {
            for (std::size_t n = below(14); n != 0; --n) {
                if (below(8) == 0)
                    text += static_cast<char>(below(256));
                else
                    text += parts[below(parts.size())];
            }
        }
        if (below(2) == 0) options.tools = test::kChatTools;
        options.reasoning_open = below(4) == 0;
        const Turn once = test::parsed({text}, options);
        INFO(options.dialect << ": " << text);
        REQUIRE(once.raw == text);
        REQUIRE(once == test::parsed(test::bytes_of(text), options));
        const std::size_t at = below(text.size() + 1);
        REQUIRE(once == test::parsed({text.substr(0, at), text.substr(at)}, options));
        for (const test::Call& c : once.calls) {
            ++calls;
            if (!c.complete) continue;
            ++whole;
            // Bytes that are not UTF-8 pass through strings as they are.
            if (utf8_valid_prefix(text) == text.size()) REQUIRE_MESSAGE(Json::accept(c.arguments), c.arguments);
        }
    }
    MESSAGE(calls << " calls begun, " << whole << " whole");
    CHECK(calls > rounds / 4);
    CHECK(whole > rounds / 8);
}

TEST_CASE("tool calls: long and hostile texts cost no more than their length") {
    const auto repeated = [](const std::string& text, std::size_t bytes) {
        std::string out;
        while (out.size() < bytes) out += text;
        return out;
    };
    constexpr std::size_t kBytes = test::kThin ? 20'000 : 200'000;
    for (const std::string_view name : ChatParser::dialects())
        for (const char* part : {"<tool_call>", "<|tool_call_start|>[f(\"", "<tool_call>{\"arguments\": {\"a\": \"",
                                 "<function=", "[TOOL_CALLS]", "{\"name\": ", "\n", " <", "<|channel|>", "<think>",
                                 "<parameter=", "<|tool_call>call:f{", ">>>a", "[[[[", "<tool_call>f<arg_key>"}) {
            ChatParserOptions options;
            options.dialect = name;
            const std::string text = repeated(part, kBytes);
            const Turn turn = test::parsed({text}, options);
            CHECK(turn.raw.size() == text.size());
            CHECK(turn.content.size() + turn.reasoning.size() <= text.size());
        }
    // Byte by byte as well: nothing is read twice.
    ChatParserOptions options;
    options.dialect = "qwen3_coder";
    options.tools = test::kChatTools;
    for (const std::string key : {"s", "o"}) {
        const std::string value = repeated("a line of text \"quoted\"\n", kBytes);
        const std::string text = "<tool_call>\n<function=f>\n<parameter=" + key + ">\n" + value +
                                 "\n</parameter>\n</function>\n</tool_call>";
        const Turn turn = test::parsed(test::bytes_of(text), options);
        REQUIRE(turn.calls.size() == 1);
        CHECK(Json::parse(turn.calls[0].arguments)[key] == value);
    }
    options.dialect = "hermes";
    const std::string text =
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"" + repeated("word ", kBytes) + "\"}}</tool_call>";
    CHECK(test::parsed(test::bytes_of(text), options).calls.at(0).complete);
    CHECK(test::parsed(test::bytes_of(repeated(" ", kBytes)), options).content.size() == kBytes);
}
