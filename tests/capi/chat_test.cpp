// Conversations as text: the model's own templates and others, with the special tokens of its vocabulary.
#include <fstream>
#include <thread>

#include "capi/support.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"

using namespace hearth::test;

namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

TokenizerPtr tokenizer_with(const TemporaryDirectory& directory, const Keys& templates) {
    ModelShape shape;
    shape.layers = 1;
    ModelFile model(shape);
    for (const auto& [key, text] : templates) model.keys[key] = text;
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_open_path(&t, directory.write("model.gguf", model.bytes()).c_str()));
    return TokenizerPtr(t);
}

std::string taken(hearth_text* text) {
    const TextPtr owner(text);
    std::size_t length = 0;
    const char* data = hearth_text_data(text, &length);
    return {data, length};
}

std::string render(const hearth_tokenizer* tokenizer, const char* source, const std::string& input) {
    hearth_text* text = nullptr;
    CHECK_OK(hearth_chat_render(&text, tokenizer, source, source != nullptr ? std::strlen(source) : 0, input.data(),
                                input.size()));
    return taken(text);
}

hearth_status fails(const hearth_tokenizer* tokenizer, const char* source, const std::string& input) {
    hearth_text* text = nullptr;
    const auto status = hearth_chat_render(&text, tokenizer, source, source != nullptr ? std::strlen(source) : 0,
                                           input.data(), input.size());
    CHECK(text == nullptr);
    return status;
}

}  // namespace

TEST_CASE("chat: the model's own template, the one for tools where there are tools, or another") {
    const TemporaryDirectory directory;
    const auto t =
        tokenizer_with(directory, {{"tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}"},
                                   {"tokenizer.chat_template.tool_use", "{{ eos_token }}{{ tools|tojson }}"}});
    const std::string message = R"({"messages": [{"role": "user", "content": "hi"}]})";
    CHECK(render(t.get(), nullptr, message) == "<s>hi");
    CHECK(render(t.get(), nullptr, R"({"messages": [], "tools": [1]})") == "</s>[1]");
    CHECK(render(t.get(), nullptr, R"({"messages": [{"content": 5}], "tools": null})") == "<s>5");
    CHECK(render(t.get(), nullptr, R"({"messages": [{"content": 5}], "bos_token": "B"})") == "B5");
    CHECK(render(t.get(), "{{ eos_token ~ x }}", R"({"extra": {"x": 3}})") == "</s>3");
    CHECK(render(nullptr, "{{ [x, true, 1.0] }}", R"({"x": "it's"})") == "[\"it's\", True, 1.0]");
    CHECK(render(nullptr, "{{ strftime_now('%d %b %Y') }}", R"({"now": "2025-06-15T12:34:56"})") == "15 Jun 2025");
    CHECK(render(nullptr, "", "{}").empty());

    hearth_text* text = nullptr;
    CHECK_OK(hearth_chat_template(&text, t.get(), nullptr));
    CHECK(taken(text) == "{{ bos_token }}{{ messages[0].content }}");
    CHECK_OK(hearth_chat_template(&text, t.get(), "tool_use"));
    CHECK(taken(text) == "{{ eos_token }}{{ tools|tojson }}");
    CHECK_FAILS(hearth_chat_template(&text, t.get(), "rag"), HEARTH_ENOTFOUND, "'rag'");
    CHECK(text == nullptr);
    CHECK(hearth_chat_template(&text, nullptr, nullptr) == HEARTH_EINVAL);
    CHECK(hearth_chat_template(nullptr, t.get(), nullptr) == HEARTH_EINVAL);
}

TEST_CASE("chat: what fails has a status and a place") {
    const TemporaryDirectory directory;
    const auto t = tokenizer_with(directory, {{"tokenizer.chat_template", "{{ messages[0].content }}\n{% if %}"}});
    CHECK_FAILS(fails(t.get(), nullptr, "{}"), HEARTH_EFORMAT, "the model's chat template: line 2, column 7");
    CHECK_FAILS(fails(nullptr, "{{ x.y.z }}", "{}"), HEARTH_EINVAL, "line 1, column 5", "'x' is undefined");
    CHECK_FAILS(fails(nullptr, "{{ raise_exception('only user and assistant') }}", "{}"), HEARTH_EINVAL,
                "only user and assistant");
    CHECK_FAILS(fails(nullptr, "x", "{\"a\": "), HEARTH_EFORMAT, "not JSON at byte");
    CHECK_FAILS(fails(nullptr, "x", "7"), HEARTH_EINVAL, "must be an object");
    CHECK_FAILS(fails(nullptr, "\xff", "{}"), HEARTH_EUTF8, "byte 0");
    CHECK_FAILS(fails(nullptr, "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{}"),
                HEARTH_EBUDGET, "steps");
    CHECK(fails(nullptr, nullptr, "{}") == HEARTH_EINVAL);
    hearth_text* text = nullptr;
    CHECK(hearth_chat_render(&text, t.get(), "x", 1, nullptr, 5) == HEARTH_EINVAL);
    CHECK(hearth_chat_render(nullptr, t.get(), "x", 1, "{}", 2) == HEARTH_EINVAL);
    ModelShape shape;
    shape.layers = 1;
    const auto none = tokenizer_with(directory, {});
    CHECK_FAILS(fails(none.get(), nullptr, "{}"), HEARTH_ENOTFOUND, "no chat template");
}

TEST_CASE("chat: a tokenizer renders on several threads at once") {
    const TemporaryDirectory directory;
    const auto t = tokenizer_with(
        directory, {{"tokenizer.chat_template", "{% for m in messages %}{{ m.content|upper }}{% endfor %}"}});
    const std::string input = R"({"messages": [{"content": "a"}, {"content": "b"}]})";
    std::vector<std::thread> threads;
    std::vector<int> wrong(4);
    for (int& mine : wrong)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                hearth_text* text = nullptr;
                const bool ok = hearth_chat_render(&text, t.get(), nullptr, 0, input.data(), input.size()) == HEARTH_OK;
                mine += !ok || taken(text) != "AB";
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const int mine : wrong) CHECK(mine == 0);
}

TEST_CASE("chat: templates of folders in all places where they are written") {
    const TemporaryDirectory directory;
    const std::filesystem::path folder = directory / "model";
    std::filesystem::copy(golden("hf/llama"), folder);
    const auto own = [&](const char* name = nullptr) {
        hearth_tokenizer* opened = nullptr;
        CHECK_OK(hearth_tokenizer_open_path(&opened, folder.c_str()));
        const TokenizerPtr t(opened);
        hearth_text* text = nullptr;
        CHECK_OK(hearth_chat_template(&text, t.get(), name));
        return taken(text);
    };
    auto config = read_json(folder / "tokenizer_config.json");
    config["chat_template"] =
        nlohmann::json::parse(R"([{"name": "default", "template": "A"}, {"name": "tool_use", "template": "B"}])");
    std::ofstream(folder / "tokenizer_config.json") << config.dump();
    CHECK(own() == "A");
    CHECK(own("tool_use") == "B");
    std::ofstream(folder / "chat_template.json") << R"({"chat_template": "C"})";
    CHECK(own() == "C");
    std::ofstream(folder / "chat_template.jinja") << "D{{ eos_token }}";
    CHECK(own() == "D{{ eos_token }}");
    std::filesystem::create_directory(folder / "additional_chat_templates");
    std::ofstream(folder / "additional_chat_templates" / "rag.jinja") << "E";
    CHECK(own("rag") == "E");
    CHECK(own("tool_use") == "B");
}
