// Turns of chat models through hearth.h: the events are those inside, whatever is wrong has a sentence.
#include <cstring>
#include <utility>

#include "capi/support.hpp"
#include "models/random_model.hpp"
#include "support/temporary.hpp"
#include "text/chat_turn.hpp"

using namespace hearth::test;

namespace {

using ParserPtr = std::unique_ptr<hearth_chat_parser, Freer<hearth_chat_parser_free>>;

hearth_chat_parser_options options_of(const char* dialect) {
    hearth_chat_parser_options o;
    CHECK_OK(hearth_chat_parser_options_init(&o, sizeof o));
    o.dialect = dialect;
    return o;
}

ParserPtr parser_of(const hearth_chat_parser_options& options, const hearth_tokenizer* tokenizer = nullptr) {
    hearth_chat_parser* p = nullptr;
    CHECK_OK(hearth_chat_parser_new(&p, tokenizer, &options));
    return ParserPtr(p);
}

hearth_status refused(hearth_chat_parser_options options, const hearth_tokenizer* tokenizer = nullptr) {
    hearth_chat_parser* p = nullptr;
    const hearth_status status = hearth_chat_parser_new(&p, tokenizer, &options);
    CHECK(p == nullptr);
    return status;
}

// As the events of ChatParser are collected, with the checks of what the interface adds.
void collect(hearth_chat_parser* parser, Turn& turn) {
    while (true) {
        hearth_chat_event e{};
        e.struct_size = sizeof e;
        const hearth_status next = hearth_chat_parser_next_event(&e, parser);
        if (next == HEARTH_EAGAIN) return;
        CHECK_OK(next);
        const std::string text(e.text, e.text_length), name(e.name, e.name_length), id(e.id, e.id_length);
        if (e.kind == HEARTH_CHAT_CONTENT) turn.content += text;
        if (e.kind == HEARTH_CHAT_REASONING) turn.reasoning += text;
        if (e.kind == HEARTH_CHAT_CONTENT || e.kind == HEARTH_CHAT_REASONING) {
            CHECK((name.empty() && id.empty() && e.complete == 1));
            continue;
        }
        if (e.kind == HEARTH_CHAT_TOOL_BEGIN) turn.calls.push_back({name, {}, id, false});
        REQUIRE(e.index + 1 == turn.calls.size());
        Call& call = turn.calls.back();
        CHECK(name == call.name);
        CHECK(!id.empty());
        if (e.kind == HEARTH_CHAT_TOOL_ARGUMENTS) call.arguments += text;
        if (e.kind == HEARTH_CHAT_TOOL_END) {
            CHECK(text == call.arguments);
            call.complete = e.complete != 0;
        }
    }
}

Turn parsed_outside(const std::vector<std::string>& pieces, const char* dialect) {
    auto o = options_of(dialect);
    o.tools = kChatTools;
    o.tools_length = std::strlen(kChatTools);
    const auto parser = parser_of(o);
    Turn turn;
    for (const std::string& piece : pieces) {
        CHECK_OK(hearth_chat_parser_feed(parser.get(), piece.data(), piece.size()));
        collect(parser.get(), turn);
    }
    CHECK_OK(hearth_chat_parser_finish(parser.get()));
    collect(parser.get(), turn);
    std::size_t length = 0;
    const char* raw = hearth_chat_parser_raw(parser.get(), &length);
    turn.raw.assign(raw, length);
    return turn;
}

TokenizerPtr llama() {
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_open_path(&t, shared_or_golden("families/llama-q4_k_m.gguf").c_str()));
    return TokenizerPtr(t);
}

}  // namespace

TEST_CASE("chat parser: events are those inside, at every cut") {
    const std::pair<const char*, std::string> turns[] = {
        {"hermes",
         "<think>\nHm.\n</think>\n\nHi \xC3\xA9.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": "
         "\"\xC3\xA9\\n\"}}\n</tool_call>"},
        {"qwen3_coder", "<tool_call>\n<function=f>\n<parameter=n>\n1\n</parameter>\n</function>\n</tool_call> x"},
        {"mistral",
         "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"123456789\"}, {\"name\": \"g\", \"arguments\": "
         "{"},
        {"harmony",
         "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.f<|channel|>commentary "
         "json<|message|>{\"n\": 1}<|call|>"},
        {"plain", "Nothing <b>but</b> {text} \xff\xfe <tool_call> </tool_call>"},
    };
    for (const auto& [dialect, text] : turns) {
        hearth::ChatParserOptions inside;
        inside.dialect = dialect;
        inside.tools = kChatTools;
        Turn wanted = parsed({text}, inside);
        for (std::size_t at = 0; at <= text.size(); ++at) {
            Turn turn = parsed_outside({text.substr(0, at), text.substr(at)}, dialect);
            for (std::size_t i = 0; i < turn.calls.size() && i < wanted.calls.size(); ++i)
                if (wanted.calls[i].id.empty()) turn.calls[i].id.clear();  // made here
            for (std::size_t i = 0; i < turn.calls.size(); ++i)
                if (turn.calls[i].complete && !wanted.calls[i].id.empty()) turn.calls[i].id = wanted.calls[i].id;
            if (!(turn == wanted)) FAIL_CHECK(dialect << " cut at " << at << ": " << turn << "\n" << wanted);
        }
    }
}

TEST_CASE("chat parser: the id that the model writes behind the arguments is that of the call's end") {
    const auto o = options_of("mistral");
    const auto parser = parser_of(o);
    const std::string text = "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"123456789\"}]";
    CHECK_OK(hearth_chat_parser_feed(parser.get(), text.data(), text.size()));
    CHECK_OK(hearth_chat_parser_finish(parser.get()));
    hearth_chat_event e{};
    e.struct_size = sizeof e;
    std::string last;
    while (hearth_chat_parser_next_event(&e, parser.get()) == HEARTH_OK) last = e.id;
    CHECK(last == "123456789");
}

TEST_CASE("chat parser: the dialect comes from the template, the reasoning's beginning from the prompt") {
    const TemporaryDirectory directory;
    ModelShape shape;
    shape.layers = 1;
    ModelFile model(shape);
    model.keys["tokenizer.chat_template"] = std::string("{{ messages }}<|channel|>analysis");
    model.keys["tokenizer.chat_template.tool_use"] = std::string("{{ messages }}[TOOL_CALLS]");
    hearth_tokenizer* opened = nullptr;
    CHECK_OK(hearth_tokenizer_open_path(&opened, directory.write("model.gguf", model.bytes()).c_str()));
    const TokenizerPtr tokenizer(opened);
    auto o = options_of(nullptr);
    const auto dialect = [&] { return std::string(hearth_chat_parser_dialect(parser_of(o, tokenizer.get()).get())); };
    CHECK(dialect() == "harmony");
    o.tools = "[{\"name\": \"f\"}]";
    o.tools_length = std::strlen(o.tools);
    CHECK(dialect() == "mistral");
    o.source = "<|python_tag|>";
    o.source_length = std::strlen(o.source);
    CHECK(dialect() == "llama3");
    o.dialect = "glm";
    CHECK(dialect() == "glm");
    CHECK(std::string(hearth_chat_detect("<|python_tag|>", 14)) == "llama3");
    CHECK(std::string(hearth_chat_detect(nullptr, 5)) == "plain");
    std::vector<std::string> names;
    while (const char* name = hearth_chat_dialect(names.size())) names.emplace_back(name);
    CHECK(names.size() >= 22);
    CHECK(names.back() == "plain");

    const auto reasons = [&](const hearth_chat_parser_options& options) {
        const auto parser = parser_of(options, tokenizer.get());
        CHECK_OK(hearth_chat_parser_feed(parser.get(), "x", 1));
        hearth_chat_event e{};
        e.struct_size = sizeof e;
        CHECK_OK(hearth_chat_parser_finish(parser.get()));
        CHECK_OK(hearth_chat_parser_next_event(&e, parser.get()));
        return e.kind == HEARTH_CHAT_REASONING;
    };
    auto p = options_of("hermes");
    CHECK(!reasons(p));
    p.flags = HEARTH_CHAT_REASONING_OPEN;
    CHECK(reasons(p));
    p.flags = 0;
    p.prompt = "Hm?<think>\n";
    p.prompt_length = std::strlen(p.prompt);
    CHECK(reasons(p));
    std::vector<hearth_token> tokens(100);
    std::size_t count = 0;
    CHECK_OK(
        hearth_tokenizer_encode(tokens.data(), tokens.size(), &count, tokenizer.get(), p.prompt, p.prompt_length, 0));
    p.prompt = nullptr;
    p.prompt_length = 0;
    p.prompt_tokens = tokens.data();
    p.prompt_token_count = count;
    CHECK(reasons(p));
    tokens[count - 1] = 1 << 30;
    CHECK_FAILS(refused(p, tokenizer.get()), HEARTH_ERANGE, "vocabulary", "position");
}

TEST_CASE("chat parser: a generator's events are read as they come, control tokens included") {
    const auto runtime = make_runtime(1);
    const auto model = open_model(runtime.get(), shared_or_golden("families/llama-q4_k_m.gguf"));
    const auto tokenizer = llama();
    const auto session = make_session(model.get(), 64);
    CHECK_OK(hearth_session_append_text(session.get(), "one", 3, 0));
    hearth_generate_options g;
    CHECK_OK(hearth_generate_options_init(&g, sizeof g));
    g.max_tokens = 12;
    g.flags = HEARTH_GENERATE_SPECIAL | HEARTH_GENERATE_PREFILL | HEARTH_GENERATE_IGNORE_EOS;
    struct Seen {
        ParserPtr parser;
        std::string text;
    } seen{parser_of(options_of("plain"), tokenizer.get()), {}};
    CHECK_OK(hearth_session_generate(
        nullptr, session.get(), nullptr, &g,
        [](const hearth_event* event, void* user) {
            auto& s = *static_cast<Seen*>(user);
            s.text.append(event->text, event->text_length);
            return static_cast<std::int32_t>(hearth_chat_parser_feed_event(s.parser.get(), event));
        },
        &seen));
    std::size_t length = 0;
    const char* raw = hearth_chat_parser_raw(seen.parser.get(), &length);
    CHECK(std::string(raw, length) == seen.text);
    CHECK(!seen.text.empty());
    CHECK_FAILS(hearth_chat_parser_feed(seen.parser.get(), "x", 1), HEARTH_ESTATE, "one turn");  // FINISH was the end
    hearth_text* message = nullptr;
    CHECK_OK(hearth_chat_parser_message(&message, seen.parser.get()));
    const TextPtr owner(message);
    CHECK(nlohmann::json::parse(hearth_text_data(message, nullptr))["role"] == "assistant");
    // What begins and ends texts is not shown.
    const auto quiet = parser_of(options_of("plain"), tokenizer.get());
    CHECK_OK(hearth_chat_parser_feed(quiet.get(), "a</s><s>b", 9));
    CHECK_OK(hearth_chat_parser_finish(quiet.get()));
    Turn turn;
    collect(quiet.get(), turn);
    CHECK(turn.content == "ab");
}

TEST_CASE("chat parser: what is wrong has a status and a place") {
    const auto tokenizer = llama();
    hearth_chat_parser* p = nullptr;
    CHECK_FAILS(hearth_chat_parser_new(nullptr, nullptr, nullptr), HEARTH_EINVAL, "out");
    CHECK_FAILS(hearth_chat_parser_new(&p, nullptr, nullptr), HEARTH_EINVAL, "neither a dialect nor a template");
    CHECK_FAILS(refused(options_of("klingon")), HEARTH_EINVAL, "'klingon'", "harmony", "plain");
    auto o = options_of("plain");
    const auto tools = [&](const char* text) {
        o.tools = text;
        o.tools_length = std::strlen(text);
        return refused(o);
    };
    CHECK_FAILS(tools("[{]"), HEARTH_EINVAL, "list of tools", "not JSON at byte 2");
    CHECK_FAILS(tools("{}"), HEARTH_EINVAL, "is no array");
    CHECK_FAILS(tools("[{\"name\": \"f\"}, 3]"), HEARTH_EINVAL, "/1 is no object");
    CHECK_FAILS(tools("[{\"function\": {\"name\": \"\"}}]"), HEARTH_EINVAL, "/0/function/name");
    CHECK_FAILS(tools("[{\"function\": {}}]"), HEARTH_EINVAL, "/0/function has no name");
    CHECK_FAILS(tools("[{\"name\": \"f\"}, {\"name\": \"f\"}]"), HEARTH_EINVAL, "/1", "'f'");
    CHECK_FAILS(tools("\"\xff\""), HEARTH_EINVAL, "not JSON at byte 1");
    std::string deep(100'000, '[');
    CHECK_FAILS(tools(deep.c_str()), HEARTH_EINVAL, "deep");
    o = options_of("plain");
    o.flags = 2;
    CHECK_FAILS(refused(o), HEARTH_EINVAL, "flags is 2");
    o.flags = 0;
    o.reserved = 1;
    CHECK_FAILS(refused(o), HEARTH_EINVAL, "reserved");
    o.reserved = 0;
    const hearth_token token = 1;
    o.prompt_token_count = 1;
    CHECK_FAILS(refused(o), HEARTH_EINVAL, "prompt_tokens");
    o.prompt_tokens = &token;
    CHECK_FAILS(refused(o), HEARTH_EINVAL, "needs a tokenizer");
    o.prompt = "x";
    o.prompt_length = 1;
    CHECK_FAILS(refused(o, tokenizer.get()), HEARTH_EINVAL, "both");
    o.struct_size = 3;
    CHECK_FAILS(refused(o), HEARTH_EINVAL, "struct_size is 3");

    const auto parser = parser_of(options_of("plain"));
    hearth_event event{};
    hearth_chat_event part{};
    CHECK_FAILS(hearth_chat_parser_feed(nullptr, "x", 1), HEARTH_EINVAL, "parser");
    CHECK_FAILS(hearth_chat_parser_feed(parser.get(), nullptr, 1), HEARTH_EINVAL, "text");
    CHECK_OK(hearth_chat_parser_feed(parser.get(), nullptr, 0));
    CHECK_FAILS(hearth_chat_parser_feed_event(parser.get(), nullptr), HEARTH_EINVAL, "event");
    CHECK_FAILS(hearth_chat_parser_feed_event(parser.get(), &event), HEARTH_EINVAL, "struct_size");
    event.struct_size = sizeof event;
    CHECK_FAILS(hearth_chat_parser_feed_event(parser.get(), &event), HEARTH_EINVAL, "kind is 0");
    event.kind = HEARTH_EVENT_TOKEN;
    event.text_length = 4;
    CHECK_FAILS(hearth_chat_parser_feed_event(parser.get(), &event), HEARTH_EINVAL, "text");
    CHECK_FAILS(hearth_chat_parser_next_event(&part, parser.get()), HEARTH_EINVAL, "struct_size");
    CHECK_FAILS(hearth_chat_parser_next_event(nullptr, parser.get()), HEARTH_EINVAL, "event");
    part.struct_size = sizeof part;
    CHECK(hearth_chat_parser_next_event(&part, parser.get()) == HEARTH_EAGAIN);
    CHECK_OK(hearth_chat_parser_finish(parser.get()));
    CHECK_OK(hearth_chat_parser_finish(parser.get()));
    CHECK_FAILS(hearth_chat_parser_feed(parser.get(), "x", 1), HEARTH_ESTATE, "finished");
    CHECK_FAILS(hearth_chat_parser_finish(nullptr), HEARTH_EINVAL, "parser");
    hearth_text* text = nullptr;
    CHECK_FAILS(hearth_chat_parser_message(&text, nullptr), HEARTH_EINVAL, "parser");
    CHECK_FAILS(hearth_chat_parser_message(nullptr, parser.get()), HEARTH_EINVAL, "out");
    std::size_t length = 7;
    CHECK(std::string(hearth_chat_parser_raw(nullptr, &length)).empty());
    CHECK(length == 0);
    CHECK(hearth_chat_parser_dialect(nullptr) == nullptr);
    CHECK(hearth_chat_dialect(1 << 20) == nullptr);
    hearth_chat_parser_free(nullptr);
}
