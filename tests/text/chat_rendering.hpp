// What the golden templates make of an assistant's message, for tests.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "hearth/text/chat_parser.hpp"
#include "hearth/text/chat_template.hpp"
#include "support/golden.hpp"

namespace hearth::test {

// What a template can show of an assistant's message.
enum Shows : unsigned { kNothing = 0, kCall = 1, kCalls = 2, kReasons = 4, kStrings = 8 };

struct TemplateRow {
    const char* file;
    const char* dialect;
    unsigned shows;
};

inline constexpr TemplateRow kTemplateRows[] = {
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

inline nlohmann::json weather_arguments() {
    return {
        {"city", "Zürich \"quoted\" \\ back\nline <b>&amp;</b> 😀 }]"},
        {"days", 3},
        {"hourly", true},
        {"limits", {0.5, -2}},
        {"note", nullptr},
        {"deep", {{"a", {1, {{"b", "}] \"x\": [{ 'y'"}}}}, {"empty", nlohmann::json::object()}}},
    };
}

inline nlohmann::json weather_call(const std::string& id, const nlohmann::json& arguments, bool as_string) {
    return {{"id", id},
            {"type", "function"},
            {"function",
             {{"name", "get_weather"}, {"arguments", as_string ? nlohmann::json(arguments.dump()) : arguments}}}};
}

struct RenderedTurn {
    std::string prompt, output;
    std::string tools, eos;
    bool reasoning_open = false;
};

// What the template makes of the assistant's message after the prompt that asks for it.
inline RenderedTurn rendered(const TemplateRow& row, const nlohmann::json& message, bool tool_result) {
    const auto path = shared(std::string("templates/") + row.file + ".jinja");
    const auto compiled = ChatTemplate::compile(read_text(path));
    REQUIRE(compiled.ok());
    const nlohmann::json golden =
        nlohmann::json::parse(read_text(std::filesystem::path(path).replace_extension(".json")));
    nlohmann::json input;
    for (const auto& c : golden["cases"])
        if (c["name"] == "tools") input = c["input"];
    input["messages"] = nlohmann::json::array({{{"role", "user"}, {"content", "What is the weather in Zürich?"}}});
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
    RenderedTurn result{*prompt, {}, input["tools"].dump(), input.value("eos_token", "")};
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

}  // namespace hearth::test
