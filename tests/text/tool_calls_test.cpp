// Tool calls and reasoning out of the stream: what the templates render as a model's turn must come back as it went in.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/text/chat_parser.hpp"
#include "hearth/text/chat_template.hpp"
#include "support/golden.hpp"
#include "text/chat_turn.hpp"

using namespace hearth;
using test::Turn;
using Json = nlohmann::json;

namespace {

// What a template can show of an assistant's message.
enum Shows : unsigned { kNothing = 0, kCall = 1, kCalls = 2, kReasons = 4, kStrings = 8 };

struct Row {
    const char* file;
    const char* dialect;
    unsigned shows;
};

constexpr Row kRows[] = {
    {"Apertus-8B-Instruct", "apertus", kCall | kCalls},
    {"ByteDance-Seed-OSS", "seed_oss", kCall | kCalls | kReasons},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "cohere", kCall | kCalls | kReasons},
    {"GLM-4.6", "glm", kCall | kCalls | kReasons},
    {"HuggingFaceTB-SmolLM3-3B", "hermes", kNothing},
    {"Kimi-K2-Instruct", "kimi", kNothing},
    {"LFM2-8B-A1B", "lfm2", kNothing},
    {"LFM2.5-Instruct", "lfm2", kNothing},
    {"MiMo-VL", "hermes", kCall | kCalls},
    {"MiniMax-M2", "minimax", kCall | kCalls | kReasons},
    {"Mistral-Small-3.2-24B-Instruct-2506", "mistral", kCall | kCalls},
    {"NVIDIA-Nemotron-Nano-v2", "nemotron", kCall | kCalls},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes", kCall | kCalls},
    {"Qwen-Qwen2.5-7B-Instruct", "hermes", kCall | kCalls},
    {"Qwen-Qwen3-0.6B", "hermes", kCall | kCalls | kReasons},
    {"Qwen3-Coder", "qwen3_coder", kCall | kCalls},
    {"Qwen3.5-4B", "qwen3_coder", kCall | kCalls | kReasons},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek", kCall | kCalls | kStrings},
    {"deepseek-ai-DeepSeek-V3.1", "deepseek", kCall | kCalls},
    {"google-gemma-2-2b-it", "gemma", kNothing},
    {"google-gemma-4-31B-it", "gemma4", kCall | kCalls | kReasons},
    {"ibm-granite-granite-3.3-2B-Instruct", "granite", kNothing},
    {"ibm-granite-granite-4.0", "hermes", kCall | kCalls},
    {"meetkai-functionary-medium-v3.1", "functionary", kCall | kCalls},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3", kCall},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama3", kCall},
    {"microsoft-Phi-3.5-mini-instruct", "plain", kNothing},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", kCall | kCalls},
    {"openai-gpt-oss-120b", "harmony", kCall | kReasons},
    {"openbmb-MiniCPM5-1B", "minicpm", kCall | kCalls | kReasons},
    {"unsloth-Apriel-1.5", "apriel", kCall | kCalls},
};

const Json kArguments = {
    {"city", "Zürich \"quoted\" \\ back\nline <b>&amp;</b> 😀 }]"},
    {"days", 3},
    {"hourly", true},
    {"limits", {0.5, -2}},
    {"note", nullptr},
    {"deep", {{"a", {1, {{"b", "}] \"x\": [{ 'y'"}}}}, {"empty", Json::object()}}},
};

Json call(const std::string& id, const Json& arguments, bool as_string) {
    return {{"id", id},
            {"type", "function"},
            {"function", {{"name", "get_weather"}, {"arguments", as_string ? Json(arguments.dump()) : arguments}}}};
}

struct Rendered {
    std::string prompt, output;
    std::string tools, eos;
    bool reasoning_open = false;
};

// What the template makes of the assistant's message after the prompt that asks for it.
Rendered rendered(const Row& row, const Json& message, bool tool_result) {
    const auto path = test::shared(std::string("templates/") + row.file + ".jinja");
    const auto compiled = ChatTemplate::compile(test::read_text(path));
    REQUIRE(compiled.ok());
    const Json golden = Json::parse(test::read_text(std::filesystem::path(path).replace_extension(".json")));
    Json input;
    for (const auto& c : golden["cases"])
        if (c["name"] == "tools") input = c["input"];
    input["messages"] = Json::array({{{"role", "user"}, {"content", "What is the weather in Zürich?"}}});
    input["add_generation_prompt"] = true;
    const auto prompt = compiled->render(input.dump());
    REQUIRE_MESSAGE(prompt.ok(), prompt.status().message());
    input["messages"].push_back(message);
    std::string tail = "WHAT-THE-TOOL-SAID";
    if (tool_result)
        input["messages"].push_back(
            {{"role", "tool"}, {"name", "get_weather"}, {"tool_call_id", "a1B2c3D4e"}, {"content", tail}});
    input["add_generation_prompt"] = false;
    const auto whole = compiled->render(input.dump());
    REQUIRE_MESSAGE(whole.ok(), whole.status().message());
    Rendered result{*prompt, {}, input["tools"].dump(), input.value("eos_token", "")};
    // Where the template leaves out the reasoning that its prompt opens, the prompt without it is what counts.
    std::size_t from = prompt->size();
    if (whole->compare(0, from, *prompt) != 0)
        for (const char* tag : {"<think>", "<|START_THINKING|>", "<|channel>thought"})
            if (const std::size_t at = prompt->rfind(tag); at != std::string::npos) from = at;
    REQUIRE_MESSAGE(whole->compare(0, from, *prompt, 0, from) == 0, *whole);
    result.reasoning_open = from == prompt->size() && ChatParser::opens_reasoning(row.dialect, *prompt);
    result.output = whole->substr(from);
    return result;
}

// The turn, and the same for every cut into two and byte by byte.
Turn parsed_at_every_cut(const std::string& text, const ChatParserOptions& options) {
    const Turn whole = test::parsed({text}, options);
    CHECK(whole.raw == text);
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
        const Turn halves = test::parsed({text.substr(0, cut), text.substr(cut)}, options);
        if (!(halves == whole)) FAIL_CHECK("cut at " << cut << " of " << text << "\n" << halves << "\n" << whole);
    }
    CHECK(test::parsed(test::bytes_of(text), options) == whole);
    return whole;
}

void check_row(const Row& row, const Json& message, std::size_t calls) {
    const bool follows = std::string_view(row.file).starts_with("NVIDIA") && calls != 0;
    const Rendered render = rendered(row, message, follows);
    std::string text = render.output;
    // Templates that go on after the turn.
    for (const std::string_view end : {"\n<SPECIAL_12>", "<|END_OF_TURN_TOKEN|>"})
        if (const std::size_t at = text.find(end); at != std::string::npos) text.resize(at + end.size());
    INFO(row.file << ": " << text);
    ChatParserOptions options;
    options.dialect = row.dialect;
    options.tools = render.tools;
    options.reasoning_open = render.reasoning_open;
    if (!render.eos.empty()) options.control.push_back(render.eos);
    const Turn turn = parsed_at_every_cut(text, options);
    CHECK(turn.calls.size() == calls);
    for (std::size_t i = 0; i < turn.calls.size() && i < calls; ++i) {
        CHECK(turn.calls[i].complete);
        CHECK(turn.calls[i].name == "get_weather");
        const Json given = message["tool_calls"][i]["function"]["arguments"];
        const Json wanted = given.is_string() ? Json::parse(given.get<std::string>()) : given;
        REQUIRE_MESSAGE(Json::accept(turn.calls[i].arguments), turn.calls[i].arguments);
        CHECK(Json::parse(turn.calls[i].arguments) == wanted);
        const std::string id = message["tool_calls"][i]["id"];
        if (text.find(id) != std::string::npos) CHECK(turn.calls[i].id == id);
    }
    // Templates leave out content or reasoning beside calls; what they show must come back.
    const std::string content = message["content"].is_string() ? message["content"].get<std::string>() : "";
    const std::string reasoning = message.value("reasoning_content", "");
    if (calls == 0 && row.dialect == std::string("nemotron")) {
        // The template takes reasoning for part of the content, and opens it.
        CHECK(turn.content == "");
        CHECK(turn.reasoning == content);
        return;
    }
    const bool harmony_preamble = row.dialect == std::string("harmony") && calls != 0 && !content.empty();
    CHECK(turn.content == (harmony_preamble || text.find(content) == std::string::npos ? "" : content));
    if (harmony_preamble)
        CHECK(turn.reasoning == content);
    else
        CHECK(turn.reasoning == (text.find(reasoning) == std::string::npos ? "" : reasoning));
    if ((row.shows & kReasons) != 0 && calls != 0 && !reasoning.empty()) CHECK(turn.reasoning == reasoning);
}

}  // namespace

TEST_CASE("tool calls: the dialect of every golden template") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", std::size(kRows));
        return;
    }
    std::size_t templates = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::shared("templates"))) {
        if (entry.path().extension() != ".jinja") continue;
        ++templates;
        const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                      [&](const Row& one) { return entry.path().stem() == one.file; });
        REQUIRE_MESSAGE(row != std::end(kRows), entry.path().filename().string());
        CHECK_MESSAGE(ChatParser::detect(test::read_text(entry.path())) == row->dialect, row->file);
    }
    CHECK(templates == std::size(kRows));
}

TEST_CASE("tool calls: what every golden template renders comes back, at every cut") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", std::size(kRows));
        return;
    }
    const std::string reasoning = "I should look.\n\nIt is about <b>Zürich</b>, {\"not\": \"a call\"}.";
    for (const Row& row : kRows) {
        const bool strings = (row.shows & kStrings) != 0;
        const auto assistant = [&](const std::string& content, const std::string& thought, const Json& calls) {
            Json message = {{"role", "assistant"}, {"content", content}};
            if (strings && !calls.empty()) message["content"] = nullptr;
            if (!thought.empty()) message["reasoning_content"] = message["thinking"] = thought;
            if (!calls.empty()) message["tool_calls"] = calls;
            if (row.dialect == std::string("cohere") && thought.empty()) message["reasoning_content"] = "";
            return message;
        };
        const Json one = {call("a1B2c3D4e", kArguments, strings)};
        const Json two = {call("a1B2c3D4e", {{"city", "Oslo"}}, strings), call("f5G6h7I8j", kArguments, strings)};
        check_row(row, assistant("Good day! a < b, [1] {x}\n\n* `<tool` and <thing>, end.", "", Json::array()), 0);
        if ((row.shows & kReasons) != 0 && row.dialect != std::string("cohere"))
            check_row(row, assistant("It is **warm**.", reasoning, Json::array()), 0);
        if ((row.shows & kCall) == 0) continue;
        check_row(row, assistant("", "", one), 1);
        check_row(row, assistant("", "", Json::array({call("a1B2c3D4e", Json::object(), strings)})), 1);
        if (row.dialect != std::string("nemotron")) check_row(row, assistant("Let me see.", "", one), 1);
        if ((row.shows & kReasons) != 0) check_row(row, assistant("", reasoning, one), 1);
        if ((row.shows & kCalls) != 0) check_row(row, assistant("", "", two), 2);
        if ((row.shows & kCalls) != 0 && (row.shows & kReasons) != 0)
            check_row(row, assistant("Let me see both.", reasoning, two), 2);
    }
}
