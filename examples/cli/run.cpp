// hearth run: continues a text.
#include "common.hpp"

namespace cli {
namespace {

struct Run {
    ModelOptions model;
    SessionOptions session;
    SamplingOptions sampling;
    DraftOptions draft;
    std::string prompt;
    bool prompt_given = false;
    std::uint32_t max_tokens = 0;
    bool ignore_eos = false, parse_special = false;

    void operator()() {
        const Sampling settings = sampling.make();  // wrong settings are told before a long load
        if (draft.by == "mtp") model.flags = HEARTH_MODEL_MTP;
        const Runtime runtime = model.runtime();
        const Model loaded = model.load(runtime), guesser = draft.load(runtime);
        Guessing guessing{HEARTH_DRAFT_NONE, draft.tokens, guesser.get()};
        if (!draft.by.empty()) guessing.draft = guesser != nullptr ? HEARTH_DRAFT_MODEL : draft.by == "mtp" ? HEARTH_DRAFT_MTP : HEARTH_DRAFT_LOOKUP;
        if (!prompt_given) {
            if (stdin_is_terminal()) note("hearth: type the prompt, end it with Ctrl-D");
            prompt = read_stdin();
        }
        const Session conversation = session.make(loaded);
        session.use_prefix_store(runtime, conversation);
        check(hearth_session_append_text(conversation.get(), prompt.data(), prompt.size(),
                                         parse_special ? HEARTH_TOKENIZE_PARSE_SPECIAL : 0u));
        const Finish finish = generate(loaded, conversation, settings, max_tokens,
                                       ignore_eos ? HEARTH_GENERATE_IGNORE_EOS : 0u, [](std::string_view text) {
                                           write_stdout(text);
                                           return true;
                                       },
                                       guessing);
        // The continuation's bytes and nothing else, unless a person is looking.
        if (stdout_is_terminal()) write_stdout("\n");
        throw_if_interrupted();
        report(finish, conversation);
    }
};

}  // namespace

void add_run(Commands& commands) {
    auto run = std::make_shared<Run>();
    CLI::App* app =
        commands.app.add_subcommand("run", "continues a text; only the continuation goes to standard output");
    run->model.add(*app);
    auto* prompt = app->add_option("-p,--prompt", run->prompt, "the text to continue; standard input unless given");
    prompt->type_name("TEXT")->allow_extra_args(false);
    app->add_option("-n,--tokens", run->max_tokens,
                    "tokens to write at most; 0: until the model ends or the context is full");
    app->add_flag("--ignore-eos", run->ignore_eos, "goes on where the model would end its text");
    app->add_flag("--parse-special", run->parse_special, "special tokens written in the prompt become themselves");
    run->session.add(*app);
    run->session.add_prefix_store(*app);
    run->sampling.add(*app);
    run->draft.add(*app);
    app->callback([&commands, run, prompt] {
        run->prompt_given = prompt->count() > 0;
        commands.action = [run] { (*run)(); };
    });
}

}  // namespace cli
