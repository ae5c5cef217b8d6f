#include "hearth/text/chat_template.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/golden.hpp"

using namespace hearth;
using Json = nlohmann::ordered_json;

namespace {

// The text, or "error: " and the sentence.
std::string rendered(const std::string& source, const std::string& input, const TemplateLimits& limits = {}) {
    const auto compiled = ChatTemplate::compile(source);
    if (!compiled.ok()) return "error: " + compiled.status().message();
    auto text = compiled->render(input, {}, limits);
    return text.ok() ? *std::move(text) : "error: " + text.status().message();
}

}  // namespace

TEST_CASE("chat template: every golden template gives the expected text") {
    if (!std::filesystem::exists(test::shared("templates"))) {
        test::skipped("chat templates", 31);
        return;
    }
    std::size_t templates = 0, cases = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::shared("templates"))) {
        if (entry.path().extension() != ".jinja") continue;
        ++templates;
        const std::string source = test::read_text(entry.path());
        const auto compiled = ChatTemplate::compile(source);
        REQUIRE_MESSAGE(compiled.ok(), entry.path().filename().string() << ": " << compiled.status().message());
        const Json golden =
            Json::parse(test::read_text(std::filesystem::path(entry.path()).replace_extension(".json")));
        for (const auto& c : golden["cases"]) {
            INFO(entry.path().filename().string() << " " << c["name"].get<std::string>());
            ++cases;
            const auto text = compiled->render(c["input"].dump());
            if (c["expected"].is_object()) {
                CHECK_FALSE(text.ok());
                CHECK(text.status().message().find("line ") == 0);
            } else {
                CHECK_MESSAGE(text.ok(), text.status().message());
                if (text.ok()) CHECK(*text == c["expected"].get<std::string>());
            }
        }
    }
    MESSAGE(templates << " templates, " << cases << " cases");
    CHECK(templates >= 30);
    CHECK(cases >= 300);
}

TEST_CASE("chat template: errors name line and column") {
    CHECK(rendered("a\n  {{ x y }}", "{}") == "error: line 2, column 8: expected '}}', found 'y'");
    CHECK(rendered("{% if x %}", "{}") ==
          "error: line 1, column 11: expected the tag 'elif' or 'else' or 'endif', found the end of the template");
    CHECK(rendered("é{{ x.y }}", "{}") == "error: line 1, column 6: 'x' is undefined");
    CHECK(rendered("{{ raise_exception('no ' ~ x) }}", R"({"x": "tools"})") == "error: line 1, column 19: no tools");
    CHECK(rendered("{% include 'x' %}", "{}").find("would load another template") != std::string::npos);
    CHECK(rendered("{% foo %}", "{}") == "error: line 1, column 4: unknown tag 'foo'");
    CHECK(rendered("{{ x|foo }}", "{}") == "error: line 1, column 6: there is no filter named 'foo'");
    CHECK(rendered("{{ 1 + 'a' }}", "{}").find("unsupported operand type(s) for +: 'int' and 'str'") !=
          std::string::npos);
    CHECK(rendered("\xff", "{}") == "error: the template is not UTF-8 at byte 0");
    CHECK(rendered("x", "[1]") == "error: the input must be an object, not list");
    CHECK(rendered("x", "{\"a\": }") == "error: the input is not JSON at byte 7");
    CHECK(rendered("x", R"({"now": "yesterday"})").find("error: the input's member 'now'") == 0);
}

TEST_CASE("chat template: hostile templates and inputs end in an error") {
    TemplateLimits limits;
    if (test::kThin) limits = {.steps = 1'000'000, .output_bytes = 4u << 20, .memory_bytes = 16u << 20};
    const auto refused = [&](const std::string& source, const std::string& part, const std::string& input = "{}") {
        const std::string text = rendered(source, input, limits);
        CHECK_MESSAGE(text.find("error: ") == 0, source.substr(0, 60));
        CHECK_MESSAGE(text.find(part) != std::string::npos, text.substr(0, 200));
    };
    refused("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps");
    refused("{{ range(10**12) }}", "Range too big");
    refused("{{ 'a' * 10**9 }}", "bytes");
    refused("{{ ([1] * 10**9)|length }}", "bytes");
    refused("{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            "more than");
    const std::string twice =
        "{% set ns = namespace(s=[], t=[]) %}{% for i in range(150) %}{% set ns.s = [ns.s, ns.s] %}"
        "{% set ns.t = [ns.t, ns.t] %}{% endfor %}";
    refused(twice + "{{ ns.s }}", "more than");
    refused(twice + "{{ ns.s == ns.t }}", "more than");
    refused(twice + "{{ ns.s|tojson }}", "more than");
    refused(
        "{% set ns = namespace(s=[]) %}{% for i in range(999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s|tojson }}",
        "nested");
    refused("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep");
    refused("{% for x in [[]] recursive %}{{ loop([x]) }}{% endfor %}", "deep");
    refused("{{ '%99999999d' % 1 }}", "width");
    refused("{{ '{:99999999}'.format(1) }}", "Invalid format");
    refused("{{ 'x'.ljust(10**12) }}", "");
    refused("{{ 'x'|center(10**12) }}", "");
    refused("{{ [1, 'a']|sort }}", "not supported between");
    refused("{{ x.append(1) }}", "sandbox", R"({"x": []})");
    refused("{{ 9223372036854775807 + 1 }}", "64 bits");
    refused("{{ " + std::string(5000, '('), "");
    refused("{{ " + std::string(5000, '[') + std::string(5000, ']') + " }}", "nested");
    refused("{{ x" + std::string(5000, '-') + "1 }}", "nested");
    std::string long_sum = "{{ 1";
    for (int i = 0; i < 5000; ++i) long_sum += " + 1";
    refused(long_sum + " }}", "high");
    std::string tags;
    for (int i = 0; i < 5000; ++i) tags += "{% if x %}";
    refused(tags, "nested");
    refused("x", "nested", "{\"a\": " + std::string(9999, '[') + std::string(9999, ']') + "}");
    // Cycles and long chains are freed without a leak and without recursion.
    CHECK(rendered("{% set a = namespace() %}{% set a.a = a %}{% set a.b = [a] %}x", "{}") == "x");
    CHECK(rendered("{% set ns = namespace() %}{% set ns.p = none %}{% for i in range(90000) %}"
                   "{% set ns.p = namespace(p=ns.p) %}{% endfor %}x",
                   "{}") == "x");
    TemplateLimits small;
    small.output_bytes = 10;
    CHECK(rendered("{{ 'abcdefgh' * 2 }}", "{}", small).find("writes more than the 10 bytes") != std::string::npos);
}

TEST_CASE("chat template: what Python's jinja2 makes of every statement, filter, test and method") {
    const Json golden = Json::parse(test::read_text(test::golden("text/jinja.json")));
    const std::string input = golden["input"].get<std::string>();
    REQUIRE(golden["cases"].size() >= 1000);
    for (const auto& row : golden["cases"]) {
        const auto source = row[0].get<std::string>();
        const std::string text = rendered(source, input);
        INFO(source << " gives " << text);
        if (row[1].is_null())
            CHECK(text.find("error: ") == 0);
        else
            CHECK(text == row[1].get<std::string>());
    }
}

TEST_CASE("chat template: mutated templates give a text or a sentence, within the limits") {
    const Json golden = Json::parse(test::read_text(test::golden("text/jinja.json")));
    const std::string input = golden["input"].get<std::string>();
    std::vector<std::string> sources;
    for (const auto& row : golden["cases"]) sources.push_back(row[0].get<std::string>());
    TemplateLimits limits;
    limits.steps = 20'000;
    limits.memory_bytes = limits.output_bytes = 1u << 20;
    constexpr std::string_view kCharacters = "{}%#()[]|.,:'\"-+*/~=<>0123456789 abcdeilnostrx\n";
    std::mt19937_64 rng(7);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(rng() % n); };
    const std::size_t rounds = test::long_run() ? 3'000'000 : test::kThin ? 3'000 : 20'000;
    std::size_t texts = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        std::string source = sources[below(sources.size())];
        for (std::size_t changes = 1 + below(3); changes != 0; --changes) {
            const std::string& other = sources[below(sources.size())];
            const std::size_t at = below(source.size() + 1), from = below(other.size() + 1);
            if (below(3) == 0)
                source.insert(at, other, from, 1 + below(20));
            else if (below(2) == 0)
                source.erase(at, 1 + below(6));
            else
                source.replace(at, 1 + below(4), 1, kCharacters[below(kCharacters.size())]);
        }
        const auto compiled = ChatTemplate::compile(source);
        if (!compiled.ok()) {
            if (compiled.status().message().empty()) FAIL_CHECK(source);
            continue;
        }
        const auto text = compiled->render(input, {}, limits);
        if (text.ok() ? text->size() > limits.output_bytes : text.status().message().empty()) FAIL_CHECK(source);
        texts += text.ok() ? 1 : 0;
    }
    CHECK(texts > rounds / 10);
}
