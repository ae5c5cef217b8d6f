// hearth chat: a conversation, in the model's own template. Models that carry none get ChatML where the vocabulary has
// its tokens, else plain "User:" and "Assistant:" lines.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "turn.hpp"

namespace cli {
namespace {

using Json = nlohmann::ordered_json;

// For models that carry no template.
constexpr const char* kChatMl =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
constexpr const char* kPlain =
    "{% for m in messages %}{{ '' if m.role == 'system' else m.role | capitalize + ': ' }}{{ m.content }}\n"
    "{{ '\n' if m.role == 'system' }}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}";

constexpr const char* kHelp =
    "/help        shows this\n"
    "/save FILE   writes the conversation as JSON: [{\"role\", \"content\"}...]\n"
    "/clear       forgets the conversation\n"
    "/quit        ends (so does Ctrl-D, and Ctrl-C at the prompt; during an answer Ctrl-C stops the answer)";

struct Chat {
    ModelOptions model_options;
    SessionOptions session_options;
    SamplingOptions sampling_options;
    std::string system, template_file, variables, tools_file, tool_command, tool_choice = "auto", dialect, session_file;
    std::uint32_t max_tokens = 0;
    bool hide_reasoning = false;

    Model model;
    Session session;
    Tokenizer tokenizer;
    Sampling sampling, forced;  // forced: for answers that must be a call; null where none must
    std::optional<std::string> source;  // of the template; none: the model's own
    bool plain = false;
    std::string tools_text;
    Json variables_json = Json::object(), tools;
    Json messages = Json::array();
    std::size_t rounds = 0;  // of calls since the last message of the user

    void start() {
        hearth_tokenizer* made = nullptr;
        check(hearth_tokenizer_of_model(&made, model.get()));
        tokenizer.reset(made);
        const auto has = [&](std::string_view text) {
            return hearth_tokenizer_find(tokenizer.get(), text.data(), text.size()) >= 0;
        };
        hearth_text* own = nullptr;
        if (!template_file.empty()) {
            source = read_file(template_file);
        } else if (const hearth_status found = hearth_chat_template(&own, tokenizer.get(), nullptr);
                   found == HEARTH_ENOTFOUND) {
            plain = !has("<|im_start|>");
            source = plain ? kPlain : kChatMl;
        } else {
            check(found);
        }
        hearth_text_free(own);
        if (plain) {
            const char* const stop = "\nUser:";
            sampling_options.add_stop(stop);
        }
        sampling = sampling_options.make();
        const std::string told = source && dialect.empty() ? hearth_chat_detect(source->data(), source->size()) : dialect;
        force_calls(told);
        if (!variables.empty()) variables_json = parse(variables, "--template-args");
        if (!variables_json.is_object()) throw Failure("--template-args is no JSON object");
        begin_conversation();
        if (!session_file.empty()) resume();
    }

    // Wrong definitions are told before a long load.
    void read_tools() {
        const Turn named(nullptr, dialect.empty() ? "plain" : dialect, nullptr, "", {}, false);
        if (tools_file.empty()) return;
        tools_text = read_file(tools_file);
        try {
            const Turn told(nullptr, "plain", nullptr, tools_text, {}, false);
        } catch (const Failure& failure) {
            throw Failure(tools_file + ": " + failure.what());
        }
        tools = parse(tools_text, tools_file);
        force_calls(dialect);
    }

    // Dialect "": the model's, which is asked when a message has been said.
    void force_calls(const std::string& told) {
        if (tool_choice == "auto") return;
        forced = sampling_options.make();
        const char* const name = tool_choice == "required" ? nullptr : tool_choice.c_str();
        const char* const in = told.empty() ? nullptr : told.c_str();
        if (hearth_sampling_set_tool_choice(forced.get(), tools_text.data(), tools_text.size(), name, in) != HEARTH_OK)
            throw Failure(tools_file + ": " + hearth_last_error());
    }

    static Json parse(const std::string& text, const std::string& what) {
        Json json = Json::parse(text, nullptr, false);
        if (json.is_discarded()) throw Failure(what + ": is no JSON");
        return json;
    }

    void begin_conversation() {
        messages = Json::array();
        if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
    }

    // The conversation stands beside the session's cache, which has tokens only.
    std::string messages_file() const { return session_file + ".json"; }
    void resume() {
        if (!std::filesystem::exists(session_file)) return;
        messages = parse(read_file(messages_file()), messages_file());
        const auto is_message = [](const Json& m) { return m.is_object() && m.contains("role") && m["role"].is_string(); };
        if (!messages.is_array() || !std::ranges::all_of(messages, is_message))
            throw Failure(messages_file() + ": is no JSON array of messages");
        check(hearth_session_restore_path(session.get(), session_file.c_str()));
        note("hearth: goes on with '" + session_file + "'");
    }
    void keep() const {
        if (session_file.empty()) return;
        write(messages_file());
        check(hearth_session_save_path(session.get(), session_file.c_str()));
    }

    // The session gets the whole conversation anew: what it has of it already is not evaluated again. The tokens.
    std::vector<hearth_token> tell(const Json& conversation) const {
        Json input{
            {"messages", conversation}, {"tools", tools}, {"add_generation_prompt", true}, {"extra", variables_json}};
        std::string json;
        try {
            json = input.dump();
        } catch (const Json::exception&) {
            throw Failure("the message is not UTF-8");
        }
        const std::uint32_t flags = source && template_file.empty() ? 0 : HEARTH_TOKENIZE_NO_SPECIAL;
        const char* const text = source ? source->c_str() : nullptr;
        const std::size_t length = hearth_session_length(session.get());
        // Room for what most messages add, so that they are rendered once.
        std::vector<hearth_token> tokens(2 * length + 4096);
        std::size_t count = 0;
        const auto render = [&] {
            return hearth_chat_tokens(tokens.data(), tokens.size(), &count, tokenizer.get(), text,
                                      source ? source->size() : 0, json.data(), json.size(), flags);
        };
        hearth_status rendered = render();
        if (rendered == HEARTH_EBUFS) {
            tokens.resize(count);
            rendered = render();
        }
        check(rendered);
        tokens.resize(count);
        check(hearth_session_replace(session.get(), 0, length, tokens.data(), tokens.size()));
        return tokens;
    }

    // The model's next message.
    void answer(Json conversation) {
        const std::vector<hearth_token> prompt = tell(conversation);
        Turn turn(tokenizer.get(), dialect, source ? &*source : nullptr, tools_text, prompt, hide_reasoning);
        // What comes after results of tools is for the model to choose.
        const bool must_call = forced != nullptr && conversation.back().value("role", "") == "user";
        const Finish finish =
            generate(model, session, must_call ? forced : sampling, max_tokens, HEARTH_GENERATE_SPECIAL, [&](std::string_view text) {
                turn.feed(text);
                return true;
            });
        turn.finish();
        Json message = parse(turn.message(), "the answer");
        if (Json& content = message["content"]; content.is_string()) {
            auto& text = content.get_ref<std::string&>();
            text.erase(0, std::min(text.size(), text.find_first_not_of(" \n")));
        }
        if (interrupted()) {
            note("hearth: the answer was stopped");
            message.erase("tool_calls");
        }
        conversation.push_back(std::move(message));
        messages = std::move(conversation);
        clear_interrupt();
        report(finish, session);  // of a full context the next message is told; /clear helps
        keep();
    }

    void say(const std::string& user) {
        Json conversation = messages;
        conversation.push_back({{"role", "user"}, {"content", user}});
        rounds = 0;
        answer(std::move(conversation));
    }

    // The calls of the last message that have no result yet.
    Json pending() const {
        Json calls = Json::array();
        if (tools.is_null()) return calls;
        std::size_t results = 0, at = messages.size();
        while (at > 0 && messages[at - 1].value("role", "") == "tool") --at, ++results;
        if (at == 0 || !messages[at - 1].contains("tool_calls")) return calls;
        for (const Json& call : messages[at - 1]["tool_calls"]) {
            if (results != 0) {
                --results;
                continue;
            }
            const Json function = call.is_object() ? call.value("function", Json::object()) : Json();
            if (!function.is_object() || !function.contains("name") || !function["name"].is_string())
                return Json::array();
            calls.push_back({{"name", function["name"]},
                             {"arguments", function.value("arguments", Json())},
                             {"id", call.value("id", Json())}});
        }
        return calls;
    }

    // After the last of the results the model goes on.
    void give_result(const Json& call, const std::string& content, bool last) {
        messages.push_back(
            {{"role", "tool"}, {"tool_call_id", call["id"]}, {"name", call["name"]}, {"content", content}});
        if (last) answer(messages);
    }

    void run_tools(Json calls) {
        constexpr std::size_t kMostRounds = 32;
        if (++rounds > kMostRounds) {
            forget_calls();
            throw Failure("the model called tools " + std::to_string(kMostRounds) +
                          " times in a row; its last calls were not run");
        }
        for (std::size_t i = 0; i < calls.size(); ++i) {
            // Templates that take the arguments as a text only have them so in the message.
            if (Json& arguments = calls[i]["arguments"]; arguments.is_string())
                if (Json parsed = Json::parse(arguments.get<std::string>(), nullptr, false); !parsed.is_discarded())
                    arguments = std::move(parsed);
            std::string result;
            try {
                result = run_program(tool_command, calls[i].dump() + "\n");
            } catch (const Interrupted&) {
                if (!stdin_is_terminal()) throw;
                clear_interrupt();
                forget_calls();
                return note("hearth: the tool was stopped");
            }
            give_result(calls[i], result, i + 1 == calls.size());
        }
    }

    // The last message, which has calls, and what results there are.
    void forget_calls() {
        while (!messages.back().contains("tool_calls")) messages.erase(messages.size() - 1);
        messages.erase(messages.size() - 1);
    }

    void write(const std::string& path) const {
        OutputFile file(path);
        const std::string text = messages.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
        file.write(text.data(), text.size());
        file.close();
    }

    // False to quit.
    bool command(const std::string& line) {
        const auto space = line.find(' ');
        const std::string name = line.substr(0, space);
        const auto start_of_rest = line.find_first_not_of(' ', space == std::string::npos ? line.size() : space);
        const std::string rest = start_of_rest == std::string::npos ? "" : line.substr(start_of_rest);
        if (name == "/quit" || name == "/exit") return false;
        if (name == "/help") {
            note(kHelp);
        } else if (name == "/clear") {
            begin_conversation();
        } else if (name == "/save" && !rest.empty()) {
            write(rest);
            note("hearth: saved to '" + rest + "'");
        } else if (name == "/save") {
            note("hearth: /save needs a file name");
        } else {
            note("hearth: there is no command '" + name + "'; /help lists them");
        }
        return true;
    }

    // Reads a line, or has a program run, and does what follows from it; false at the end.
    bool step(bool person) {
        const Json calls = pending();
        if (!calls.empty() && !tool_command.empty()) {
            run_tools(calls);
            return true;
        }
        std::string line, prompt = "> ";
        if (!calls.empty()) prompt = "tool " + calls[0]["name"].get<std::string>() + "> ";
        if (person && stderr_is_terminal()) std::fprintf(stderr, "%s", prompt.c_str());
        if (!read_line(line)) return false;
        if (line.starts_with('/')) return command(line);
        if (!calls.empty())
            give_result(calls[0], line, calls.size() == 1);
        else if (!line.empty())
            say(line);
        return true;
    }

    void operator()() {
        sampling = sampling_options.make();  // wrong settings are told before a long load
        read_tools();
        const Runtime runtime = model_options.runtime();
        model = model_options.load(runtime);
        session = session_options.make(model);
        session_options.use_prefix_store(runtime, session);
        start();
        const bool person = stdin_is_terminal();
        if (person) note("hearth: /help lists the commands");
        while (true) {
            try {
                if (!step(person)) break;
            } catch (const Failure& failure) {
                if (!person) throw;
                // The message that failed leaves no trace; the conversation goes on.
                note(std::string("hearth: ") + failure.what());
            }
        }
        throw_if_interrupted();
    }
};

}  // namespace

void add_chat(Commands& commands) {
    auto chat = std::make_shared<Chat>();
    CLI::App* app = commands.app.add_subcommand("chat", "a conversation; each line of standard input is a message");
    chat->model_options.add(*app);
    app->add_option("--system", chat->system, "what the model is told first")
        ->type_name("TEXT")
        ->allow_extra_args(false);
    app->add_option("--template", chat->template_file, "a Jinja template in place of the model's own")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
    app->add_option("--template-args", chat->variables,
                    "further variables of the template, like {\"enable_thinking\": false}")
        ->type_name("JSON");
    CLI::Option* tools =
        app->add_option("--tools", chat->tools_file,
                        "a JSON array of tools that the model may call; what a call results in is asked for")
            ->type_name("FILE")
            ->check(CLI::ExistingFile);
    app->add_option("--tool-command", chat->tool_command,
                    "runs COMMAND for each call, with {\"name\", \"arguments\", \"id\"} on its standard input; what it "
                    "prints is the result")
        ->type_name("COMMAND")
        ->needs(tools);
    app->add_option("--tool-choice", chat->tool_choice,
                    "auto: the model chooses; required: what it says first after a message is a call; or the name of "
                    "the tool that it calls")
        ->type_name("CHOICE")
        ->default_str("auto")
        ->needs(tools);
    app->add_option("--dialect", chat->dialect,
                    "how the model writes calls and reasoning, where its template does not tell")
        ->type_name("NAME");
    app->add_flag("--hide-reasoning", chat->hide_reasoning, "shows the answer only");
    app->add_option(
           "--session", chat->session_file,
           "goes on with the conversation that FILE holds, where it exists, and keeps it there after each answer, with "
           "its messages in FILE.json")
        ->type_name("FILE");
    app->add_option("-n,--tokens", chat->max_tokens, "tokens of an answer at most; 0: until the model ends it");
    chat->session_options.add(*app);
    chat->session_options.add_prefix_store(*app);
    chat->sampling_options.add(*app);
    app->footer(kHelp);
    app->callback([&commands, chat] { commands.action = [chat] { (*chat)(); }; });
}

}  // namespace cli
