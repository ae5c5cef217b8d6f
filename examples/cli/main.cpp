// hearth: the command line, a client of hearth.h like any other. Text goes to standard output, all else to standard
// error.
#include <cstdlib>
#include <new>

#include "common.hpp"

int main(int argc, char** argv) {
    CLI::App app("Runs language models on this machine", "hearth");
    app.set_version_flag("--version", std::string("hearth ") + hearth_version());
    app.require_subcommand(1);
    app.footer("Exit codes: 0 done, 1 an error (a sentence says which), 2 wrong usage, 130 stopped by Ctrl-C.");
    app.fallthrough(false);
    cli::Commands commands{app, {}};
    cli::add_run(commands);
    cli::add_chat(commands);
    cli::add_inspect(commands);
    cli::add_tokenize(commands);
    cli::add_logits(commands);
    cli::add_embed(commands);
    cli::add_bench(commands);
    cli::add_pack(commands);
    cli::add_template(commands);
    cli::add_steer_train(commands);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // --help and --version end here too
    }
    try {
        cli::watch_interrupts();
        commands.action();
        return 0;
    } catch (const cli::Failure& failure) {
        cli::note(std::string("hearth: ") + failure.what());
    } catch (const CLI::Error& error) {
        cli::note(std::string("hearth: ") + error.what());
        return 2;
    } catch (const cli::Interrupted&) {
        cli::note("hearth: stopped");
        return 130;
    } catch (const cli::BrokenPipe&) {
        return 0;
    } catch (const std::bad_alloc&) {
        cli::note("hearth: out of memory");
    }
    return 1;
}
