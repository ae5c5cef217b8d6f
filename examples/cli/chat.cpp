// hearth chat: a conversation. ChatML where the vocabulary has its tokens, else plain "User:" and "Assistant:" lines.
#include <nlohmann/json.hpp>

#include "common.hpp"

namespace cli {
namespace {

// Passes text on but for a stop string, parts of which wait until it is clear that they are none.
class StopFilter {
public:
    explicit StopFilter(std::string stop) : stop_(std::move(stop)) {}
    // What may be shown now; sets `stopped` when the stop string came.
    std::string feed(std::string_view text) {
        waiting_ += text;
        if (stop_.empty()) return std::exchange(waiting_, {});
        if (const auto at = waiting_.find(stop_); at != std::string::npos) {
            stopped = true;
            return std::exchange(waiting_, {}).substr(0, at);
        }
        std::size_t keep = std::min(waiting_.size(), stop_.size() - 1);
        while (waiting_.compare(waiting_.size() - keep, keep, stop_, 0, keep) != 0) --keep;
        std::string shown = waiting_.substr(0, waiting_.size() - keep);
        waiting_.erase(0, shown.size());
        return shown;
    }
    std::string rest() { return stopped ? std::string() : std::exchange(waiting_, {}); }
    bool stopped = false;

private:
    std::string stop_, waiting_;
};

constexpr const char* kHelp =
    "/help        shows this\n"
    "/save FILE   writes the conversation as JSON: [{\"role\", \"content\"}...]\n"
    "/clear       forgets the conversation\n"
    "/quit        ends (so does Ctrl-D, and Ctrl-C at the prompt; during an answer Ctrl-C stops the answer)";

struct Chat {
    ModelOptions model_options;
    SessionOptions session_options;
    SamplingOptions sampling_options;
    std::string system;
    std::uint32_t max_tokens = 0;

    Model model;
    Session session;
    Sampling sampling;
    hearth_token turn_end = -1;  // ChatML's, -1: the plain format
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();

    void append(std::string_view text, std::uint32_t flags) const {
        check(hearth_session_append_text(session.get(), text.data(), text.size(), flags));
    }
    // Text of the format itself: may name special tokens. What people and models wrote may not.
    void append_format(std::string_view text) const { append(text, HEARTH_TOKENIZE_PARSE_SPECIAL); }

    void start() {
        hearth_tokenizer* made = nullptr;
        check(hearth_tokenizer_of_model(&made, model.get()));
        const Tokenizer tokenizer(made);
        const auto find = [&](std::string_view text) {
            return hearth_tokenizer_find(tokenizer.get(), text.data(), text.size());
        };
        turn_end = find("<|im_start|>") >= 0 ? find("<|im_end|>") : -1;
        begin_conversation();
    }

    void begin_conversation() {
        check(hearth_session_truncate(session.get(), 0));
        messages.clear();
        if (system.empty()) return;
        messages.push_back({{"role", "system"}, {"content", system}});
        if (turn_end >= 0) append_format("<|im_start|>system\n");
        append(system, 0);
        append_format(turn_end >= 0 ? "<|im_end|>\n" : "\n\n");
    }

    void answer(const std::string& user) {
        if (turn_end >= 0) {
            append_format("<|im_start|>user\n");
            append(user, 0);
            append_format("<|im_end|>\n<|im_start|>assistant\n");
        } else {
            append("User: " + user + "\nAssistant:", 0);
        }
        const std::size_t answer_start = hearth_session_length(session.get());
        StopFilter filter(turn_end >= 0 ? "" : "\nUser:");
        std::string content;
        const auto show = [&](std::string_view text) {
            if (content.empty()) {  // "Assistant:" is followed by a space that belongs to the format
                const auto first = text.find_first_not_of(" \n");
                text.remove_prefix(first == std::string_view::npos ? text.size() : first);
            }
            content += text;
            write_stdout(text);
        };
        const Finish finish = generate(model, session, sampling, max_tokens, 0, [&](std::string_view text) {
            show(filter.feed(text));
            return !filter.stopped;
        });
        show(filter.rest());
        write_stdout("\n");
        // The session keeps what was shown, then the end of the turn.
        if (filter.stopped) {
            check(hearth_session_truncate(session.get(), answer_start));
            if (!content.empty()) append(content, 0);
        }
        messages.push_back({{"role", "user"}, {"content", user}});
        messages.push_back({{"role", "assistant"}, {"content", content}});
        if (interrupted()) note("hearth: the answer was stopped");
        clear_interrupt();
        report(finish, session);
        if (finish.reason == HEARTH_FINISH_CONTEXT) return;  // the next message is told so; /clear helps
        if (turn_end >= 0) check(hearth_session_append_tokens(session.get(), &turn_end, 1));
        append_format("\n");
    }

    void save(const std::string& path) const {
        OutputFile file(path);
        const std::string text = messages.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
        file.write(text.data(), text.size());
        file.close();
        note("hearth: saved to '" + path + "'");
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
            save(rest);
        } else if (name == "/save") {
            note("hearth: /save needs a file name");
        } else {
            note("hearth: there is no command '" + name + "'; /help lists them");
        }
        return true;
    }

    void operator()() {
        sampling = sampling_options.make();
        const Runtime runtime = model_options.runtime();
        model = model_options.load(runtime);
        session = session_options.make(model);
        start();
        const bool person = stdin_is_terminal();
        if (person) note("hearth: /help lists the commands");
        std::string line;
        while (true) {
            if (person && stderr_is_terminal()) std::fprintf(stderr, "> ");
            if (!read_line(line)) break;
            if (line.empty()) continue;
            const std::size_t before = hearth_session_length(session.get());
            const std::size_t told = messages.size();
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
                if (messages.size() == told && hearth_session_length(session.get()) > before) {
                    check(hearth_session_truncate(session.get(), before));
                }
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
    app->add_option("-n,--tokens", chat->max_tokens, "tokens of an answer at most; 0: until the model ends it");
    chat->session_options.add(*app);
    chat->sampling_options.add(*app);
    app->footer(kHelp);
    app->callback([&commands, chat] { commands.action = [chat] { (*chat)(); }; });
}

}  // namespace cli
