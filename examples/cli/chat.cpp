// hearth chat: a conversation, in the model's own template. Models that carry none get ChatML where the vocabulary has
// its tokens, else plain "User:" and "Assistant:" lines.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common.hpp"

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
    std::string system, template_file, variables, tools_file, session_file;
    std::uint32_t max_tokens = 0;

    Model model;
    Session session;
    Tokenizer tokenizer;
    Sampling sampling;
    std::optional<std::string> source;  // of the template; none: the model's own
    bool plain = false;
    Json variables_json = Json::object(), tools;
    Json messages = Json::array();

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
        if (!tools_file.empty()) tools = parse(read_file(tools_file), tools_file);
        if (!variables.empty()) variables_json = parse(variables, "--template-args");
        if (!variables_json.is_object()) throw Failure("--template-args is no JSON object");
        if (!tools.is_null() && !tools.is_array()) throw Failure(tools_file + ": is no JSON array of tools");
        begin_conversation();
        if (!session_file.empty()) resume();
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
        check(hearth_session_restore_path(session.get(), session_file.c_str()));
        note("hearth: goes on with '" + session_file + "'");
    }
    void keep() const {
        if (session_file.empty()) return;
        write(messages_file());
        check(hearth_session_save_path(session.get(), session_file.c_str()));
    }

    // The session gets the whole conversation anew: what it has of it already is not evaluated again.
    void tell(const Json& conversation) const {
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
        const auto render = [&](hearth_token* tokens, std::size_t capacity, std::size_t* needed) {
            return hearth_chat_tokens(tokens, capacity, needed, tokenizer.get(), text, source ? source->size() : 0,
                                      json.data(), json.size(), flags);
        };
        std::size_t count = 0;
        if (const hearth_status sized = render(nullptr, 0, &count); sized != HEARTH_EBUFS) check(sized);
        std::vector<hearth_token> tokens(count);
        check(render(tokens.data(), count, &count));
        check(hearth_session_replace(session.get(), 0, hearth_session_length(session.get()), tokens.data(),
                                     tokens.size()));
    }

    void answer(const std::string& user) {
        Json conversation = messages;
        conversation.push_back({{"role", "user"}, {"content", user}});
        tell(conversation);
        std::string content;
        const Finish finish = generate(model, session, sampling, max_tokens, 0, [&](std::string_view text) {
            if (content.empty()) {  // "Assistant:" is followed by a space that belongs to the format
                const auto first = text.find_first_not_of(" \n");
                text.remove_prefix(first == std::string_view::npos ? text.size() : first);
            }
            content += text;
            write_stdout(text);
            return true;
        });
        write_stdout("\n");
        conversation.push_back({{"role", "assistant"}, {"content", content}});
        messages = std::move(conversation);
        if (interrupted()) note("hearth: the answer was stopped");
        clear_interrupt();
        report(finish, session);  // of a full context the next message is told; /clear helps
        keep();
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

    void operator()() {
        sampling = sampling_options.make();  // wrong settings are told before a long load
        const Runtime runtime = model_options.runtime();
        model = model_options.load(runtime);
        session = session_options.make(model);
        session_options.use_prefix_store(runtime, session);
        start();
        const bool person = stdin_is_terminal();
        if (person) note("hearth: /help lists the commands");
        std::string line;
        while (true) {
            if (person && stderr_is_terminal()) std::fprintf(stderr, "> ");
            if (!read_line(line)) break;
            if (line.empty()) continue;
            try {
                if (line.front() == '/') {
                    if (!command(line)) return;
                } else {
                    answer(line);
                }
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
    app->add_option("--tools", chat->tools_file, "a JSON array of tools that the model is told of")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
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
