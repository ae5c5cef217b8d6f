// Tool calls and reasoning out of the stream: what the templates render as a model's turn must come back as it went in.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/text/chat_parser.hpp"
#include "support/golden.hpp"
#include "text/chat_rendering.hpp"
#include "text/chat_turn.hpp"

using namespace hearth;
using test::TemplateRow;
using test::Turn;
using Json = nlohmann::json;

namespace {

// The turn, and the same for every cut (where tests are thinned, every seventh) into two and byte by byte.
Turn parsed_at_every_cut(const std::string& text, const ChatParserOptions& options) {
    const Turn whole = test::parsed({text}, options);
    CHECK(whole.raw == text);
    for (std::size_t cut = 1; cut < text.size(); cut += test::kThin ? 7 : 1) {
        const Turn halves = test::parsed({text.substr(0, cut), text.substr(cut)}, options);
        if (!(halves == whole)) FAIL_CHECK("cut at " << cut << " of " << text << "\n" << halves << "\n" << whole);
    }
    CHECK(test::parsed(test::bytes_of(text), options) == whole);
    return whole;
}

void check_row(const TemplateRow& row, const Json& message, std::size_t calls) {
    const bool follows = std::string_view(row.file).starts_with("NVIDIA") && calls != 0;
    const test::RenderedTurn render = test::rendered(row, message, follows);
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
    if ((row.shows & test::kReasons) != 0 && calls != 0 && !reasoning.empty()) CHECK(turn.reasoning == reasoning);
}

}  // namespace

TEST_CASE("tool calls: the dialect of every golden template") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", std::size(test::kTemplateRows));
        return;
    }
    std::size_t templates = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::shared("templates"))) {
        if (entry.path().extension() != ".jinja") continue;
        ++templates;
        const auto row = std::find_if(std::begin(test::kTemplateRows), std::end(test::kTemplateRows),
                                      [&](const TemplateRow& one) { return entry.path().stem() == one.file; });
        REQUIRE_MESSAGE(row != std::end(test::kTemplateRows), entry.path().filename().string());
        CHECK_MESSAGE(ChatParser::detect(test::read_text(entry.path())) == row->dialect, row->file);
    }
    CHECK(templates == std::size(test::kTemplateRows));
}

TEST_CASE("tool calls: what every golden template renders comes back, at every cut") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", std::size(test::kTemplateRows));
        return;
    }
    const std::string reasoning = "I should look.\n\nIt is about <b>Zürich</b>, {\"not\": \"a call\"}.";
    for (const TemplateRow& row : test::kTemplateRows) {
        const bool strings = (row.shows & test::kStrings) != 0;
        const auto assistant = [&](const std::string& content, const std::string& thought, const Json& calls) {
            Json message = {{"role", "assistant"}, {"content", content}};
            if (strings && !calls.empty()) message["content"] = nullptr;
            if (!thought.empty()) message["reasoning_content"] = message["thinking"] = thought;
            if (!calls.empty()) message["tool_calls"] = calls;
            if (row.dialect == std::string("cohere") && thought.empty()) message["reasoning_content"] = "";
            return message;
        };
        const Json one = Json::array({test::weather_call("a1B2c3D4e", test::weather_arguments(), strings)});
        const Json two = {test::weather_call("a1B2c3D4e", {{"city", "Oslo"}}, strings),
                          test::weather_call("f5G6h7I8j", test::weather_arguments(), strings)};
        check_row(row, assistant("Good day! a < b, [1] {x}\n\n* `<tool` and <thing>, end.", "", Json::array()), 0);
        if ((row.shows & test::kReasons) != 0 && row.dialect != std::string("cohere"))
            check_row(row, assistant("It is **warm**.", reasoning, Json::array()), 0);
        if ((row.shows & test::kCall) == 0) continue;
        check_row(row, assistant("", "", one), 1);
        check_row(row, assistant("", "", Json::array({test::weather_call("a1B2c3D4e", Json::object(), strings)})), 1);
        if (row.dialect != std::string("nemotron")) check_row(row, assistant("Let me see.", "", one), 1);
        if ((row.shows & test::kReasons) != 0) check_row(row, assistant("", reasoning, one), 1);
        if ((row.shows & test::kCalls) != 0) check_row(row, assistant("", "", two), 2);
        if ((row.shows & test::kCalls) != 0 && (row.shows & test::kReasons) != 0)
            check_row(row, assistant("Let me see both.", reasoning, two), 2);
    }
}
