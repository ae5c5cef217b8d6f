// Turns of chat models: ids of calls, and messages that templates render as the model wrote them.
#include "hearth/engine/chat_turn.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_rendering.hpp"

using namespace hearth;
using Json = nlohmann::json;

namespace {

ChatTurn turn_of(ChatTurnOptions options) {
    auto turn = ChatTurn::create(std::move(options), nullptr, nullptr);
    REQUIRE_MESSAGE(turn.ok(), turn.status().message());
    return *std::move(turn);
}

std::vector<ChatEvent> events_of(ChatTurn& turn, const std::string& text, std::size_t step = 1000) {
    std::vector<ChatEvent> events;
    ChatEvent event;
    for (std::size_t at = 0; at < text.size(); at += step) {
        turn.feed(std::string_view(text).substr(at, step));
        while (turn.next(event)) events.push_back(event);
    }
    turn.finish();
    while (turn.next(event)) events.push_back(event);
    return events;
}

// Ids of the calls' ends.
std::vector<std::string> ids_of(const char* dialect, const std::string& text, const std::string& prompt = "",
                                std::size_t step = 1000) {
    ChatTurn turn = turn_of({.dialect = dialect, .source = {}, .tools = {}, .prompt = prompt, .prompt_tokens = {}});
    std::vector<std::string> ids;
    for (const ChatEvent& event : events_of(turn, text, step))
        if (event.kind == ChatEvent::Kind::tool_end) ids.push_back(event.id);
    return ids;
}

}  // namespace

TEST_CASE("chat turn: a message that is read and rendered again is the same text") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", std::size(test::kTemplateRows));
        return;
    }
    std::size_t same = 0;
    for (const auto& row : test::kTemplateRows) {
        if ((row.shows & test::kCall) == 0) continue;
        const std::string_view dialect = row.dialect;
        const bool strings = (row.shows & test::kStrings) != 0, nemotron = dialect == "nemotron";
        const std::string source = test::read_text(test::shared(std::string("templates/") + row.file + ".jinja"));
        const auto check = [&](const std::string& content, const std::string& reasoning, const Json& calls) {
            Json message = {{"role", "assistant"}, {"content", content}, {"tool_calls", calls}};
            if (strings) message["content"] = nullptr;
            if (!reasoning.empty() || dialect == "cohere") message["reasoning_content"] = reasoning;
            if (!reasoning.empty()) message["thinking"] = reasoning;
            const auto given = test::rendered(row, message, nemotron);
            std::string text = given.output;
            for (const std::string& end : {given.eos, std::string("\n<SPECIAL_12>")})
                if (const std::size_t at = end.empty() ? std::string::npos : text.find(end); at != std::string::npos)
                    text.resize(at);
            // Without the reasoning that its prompt opens, the template shows another prompt.
            ChatTurn turn = turn_of({.dialect = {},
                                     .source = source,
                                     .tools = given.tools,
                                     .prompt = given.reasoning_open ? given.prompt : std::string(),
                                     .prompt_tokens = {}});
            CHECK(turn.dialect() == dialect);
            events_of(turn, text, 7);
            Json read = Json::parse(turn.message());
            // The template asks for the member, if only for an empty one.
            if (dialect == "cohere" && !read.contains("reasoning_content")) read["reasoning_content"] = "";
            INFO(row.file << ": " << read.dump() << "\n" << given.output);
            REQUIRE(read["tool_calls"].size() == calls.size());
            CHECK(read["tool_calls"][0]["function"]["arguments"].is_string() == strings);
            CHECK(test::rendered(row, read, nemotron).output == given.output);
            ++same;
        };
        const Json arguments = test::weather_arguments();
        const Json one = Json::array({test::weather_call("a1B2c3D4e", arguments, strings)});
        const Json two = {test::weather_call("a1B2c3D4e", {{"city", "Oslo"}}, strings),
                          test::weather_call("f5G6h7I8j", arguments, strings)};
        check("", "", one);
        check("", "", Json::array({test::weather_call("a1B2c3D4e", Json::object(), strings)}));
        if (!nemotron) check("Let me see.", "", one);
        if ((row.shows & test::kReasons) != 0) check("", "I should look.", one);
        if ((row.shows & test::kCalls) != 0) check("", "", two);
    }
    MESSAGE(same << " turns");
    CHECK(same > 80);
}

TEST_CASE("chat turn: calls have ids, each its own, whatever the cuts") {
    const std::string call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>\n";
    const auto ids = ids_of("hermes", call + call + call, "prompt");
    REQUIRE(ids.size() == 3);
    CHECK(std::ranges::all_of(ids, [](const std::string& id) { return id.starts_with("call_") && id.size() == 14; }));
    CHECK(ids[0] != ids[1]);
    CHECK(ids[1] != ids[2]);
    CHECK(ids_of("hermes", call + call + call, "prompt", 1) == ids);
    CHECK(ids_of("hermes", call, "another prompt")[0] != ids[0]);
    // Mistral's templates refuse other ids than nine letters and digits.
    const auto short_id = ids_of("mistral", "[TOOL_CALLS]f[ARGS]{}");
    REQUIRE(short_id.size() == 1);
    CHECK(short_id[0].size() == 9);
    CHECK(std::ranges::all_of(short_id[0], [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }));
    // The model's own, before the arguments and behind them; a second call of the same id gets another.
    CHECK(ids_of("mistral", "[TOOL_CALLS]f[CALL_ID]a1B2c3D4e[ARGS]{}") == std::vector<std::string>{"a1B2c3D4e"});
    const std::string own = "{\"name\": \"f\", \"arguments\": {}, \"id\": \"a1B2c3D4e\"}";
    const auto twice = ids_of("mistral", "[TOOL_CALLS][" + own + ", " + own + "]");
    REQUIRE(twice.size() == 2);
    CHECK(twice[0] == "a1B2c3D4e");
    CHECK(twice[1] != twice[0]);
}

TEST_CASE("chat turn: a call's events have its name and id, and its end has all arguments") {
    ChatTurn turn =
        turn_of({.dialect = "hermes", .source = {}, .tools = {}, .prompt = "<think>\n", .prompt_tokens = {}});
    const auto events =
        events_of(turn, "Hm.</think>Yes.<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": [1, 2]}}</tool_call>", 1);
    std::string arguments, reasoning;
    for (const ChatEvent& event : events) {
        const bool of_call = event.kind != ChatEvent::Kind::content && event.kind != ChatEvent::Kind::reasoning;
        CHECK(event.name == (of_call ? "f" : ""));
        CHECK(event.id == (of_call ? events.back().id : ""));
        if (event.kind == ChatEvent::Kind::tool_arguments) arguments += event.text;
        if (event.kind == ChatEvent::Kind::reasoning) reasoning += event.text;
    }
    CHECK(arguments == "{\"a\": [1, 2]}");
    CHECK(reasoning == "Hm.");
    CHECK(events.back().text == arguments);
    CHECK(events.back().complete);
    CHECK(Json::parse(turn.message()) == Json{{"role", "assistant"},
                                              {"content", "Yes."},
                                              {"reasoning_content", "Hm."},
                                              {"tool_calls",
                                               {{{"id", events.back().id},
                                                 {"type", "function"},
                                                 {"function", {{"name", "f"}, {"arguments", {{"a", {1, 2}}}}}}}}}});
}

TEST_CASE("chat turn: a call that broke off is no part of the message, but its text is") {
    ChatTurn turn = turn_of({.dialect = "hermes", .source = {}, .tools = {}, .prompt = {}, .prompt_tokens = {}});
    const std::string text = "\xff<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": [1";
    const auto events = events_of(turn, text);
    CHECK(std::ranges::any_of(events, [](const ChatEvent& e) { return !e.complete && e.text == "{\"a\": [1"; }));
    const Json message = Json::parse(turn.message());
    CHECK(!message.contains("tool_calls"));
    CHECK(message["content"] == "\xEF\xBF\xBD" + text.substr(1));
    CHECK(turn.raw() == text);
}

TEST_CASE("chat turn: gpt-oss's template takes reasoning and an answer beside a call as one text") {
    ChatTurn turn = turn_of({.dialect = "harmony", .source = {}, .tools = {}, .prompt = {}, .prompt_tokens = {}});
    events_of(turn,
              "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
              "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}<|call|>");
    const Json message = Json::parse(turn.message());
    CHECK(message["content"] == "");
    CHECK(message["thinking"] == "Hm.\n\nI look.");
    CHECK(message["tool_calls"].size() == 1);
}
