// What the commands share: errors, handles of the C interface, options, output, Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "hearth.h"

namespace cli {

// Exit codes: 0 done, 1 an error with a sentence, 2 wrong usage (CLI11's errors), 130 stopped by Ctrl-C.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Interrupted {};
// Whoever read our output went away: nothing is left to do, and that is no error.
struct BrokenPipe {};

// Throws Failure with hearth's own sentence, Interrupted where the host stopped the call.
void check(hearth_status status);

template <class T, void (*free_)(T*)>
struct Free {
    void operator()(T* object) const { free_(object); }
};
template <class T, void (*free_)(T*)>
using Handle = std::unique_ptr<T, Free<T, free_>>;
using Runtime = Handle<hearth_runtime, hearth_runtime_free>;
using Model = Handle<hearth_model, hearth_model_free>;
using Tokenizer = Handle<hearth_tokenizer, hearth_tokenizer_free>;
using Session = Handle<hearth_session, hearth_session_free>;
using Sampling = Handle<hearth_sampling, hearth_sampling_free>;
using Adapter = Handle<hearth_adapter, hearth_adapter_free>;
using Generator = Handle<hearth_generator, hearth_generator_free>;
using Text = Handle<hearth_text, hearth_text_free>;

// The first Ctrl-C asks to stop, which every loop looks for; the second ends the process.
void watch_interrupts();
bool interrupted();
void clear_interrupt();
void throw_if_interrupted();
// Does something as soon as Ctrl-C comes, on a thread of its own, while this thread is busy in a call.
class InterruptWatch {
public:
    explicit InterruptWatch(std::function<void()> act);
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;
    ~InterruptWatch();

private:
    int done_[2];  // a pipe: closed where nothing is to be watched any more
    std::thread thread_;
};

// A command adds its options to `app` and names what to do when it was chosen.
using Action = std::function<void()>;
struct Commands {
    CLI::App& app;
    Action action;
};
void add_run(Commands& commands);
void add_chat(Commands& commands);
void add_inspect(Commands& commands);
void add_tokenize(Commands& commands);
void add_logits(Commands& commands);
void add_embed(Commands& commands);
void add_bench(Commands& commands);
void add_pack(Commands& commands);
void add_template(Commands& commands);
void add_steer_train(Commands& commands);

// Shown where standard error is a terminal. `update` is called between the steps of a load: also the place where Ctrl-C
// stops it.
class ProgressBar {
public:
    explicit ProgressBar(const char* label) : label_(label) {}
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    ~ProgressBar();
    static std::int32_t update(std::uint64_t done, std::uint64_t total, void* bar);

private:
    const char* label_;
    int shown_ = -1;
};

struct ModelOptions {
    std::string path, isa;
    std::uint32_t threads = 0, flags = 0;

    void add(CLI::App& app, bool required = true);
    Runtime runtime() const;
    Model load(const Runtime& runtime) const;  // with a progress bar where standard error is a terminal
};

struct SessionOptions {
    std::uint32_t context = 0, chunk = 0;
    std::string kv = "f16", prefix_store;
    std::vector<std::string> lora, control;  // FILE or FILE:SCALE
    std::string control_layers;

    void add(CLI::App& app);
    void add_chunk(CLI::App& app);
    void add_prefix_store(CLI::App& app);
    Session make(const Model& model) const;
    void use_prefix_store(const Runtime& runtime, const Session& session) const;

private:
    static void attach(const Model& model, const Session& session, const std::string& text,
                       const hearth_adapter_options& options, std::uint32_t kind);
};

// One option for each key that the library knows, and --set KEY=VALUE.
class SamplingOptions {
public:
    void add(CLI::App& app);
    void add_stop(const std::string& text);  // beside those of the command line
    Sampling make() const;

private:
    void add_constraint(CLI::App& app);
    void constrain(hearth_sampling* sampling) const;
    std::vector<std::pair<std::string, std::unique_ptr<std::string>>> values_;  // key, text
    std::vector<std::pair<std::string, std::unique_ptr<std::vector<std::string>>>> lists_;
    std::vector<std::string> set_;
    std::string schema_, regex_, grammar_;  // schema_ and grammar_ are files
    std::vector<std::string> choices_;
};

// Guesses of the next tokens: --draft.
struct DraftOptions {
    std::string by;  // "", "lookup", "mtp" or a model file
    std::uint32_t tokens = 0;

    void add(CLI::App& app);
    Model load(const Runtime& runtime) const;  // the model file; empty where it is none
};

// Runs one generation. on_text gets the text as it grows and returns false to stop. Returns the finish event's figures.
struct Finish {
    std::uint32_t reason = 0;
    std::int32_t token = -1;  // that ended the turn
    std::uint32_t prompt_tokens = 0, generated_tokens = 0;
    double prompt_seconds = 0, generate_seconds = 0;
    std::uint32_t drafted_tokens = 0, accepted_tokens = 0;
    double draft_speedup = 1;
};
struct Guessing {
    std::uint32_t draft = HEARTH_DRAFT_NONE, tokens = 0;
    hearth_model* model = nullptr;
};
Finish generate(const Model& model, const Session& session, const Sampling& sampling, std::uint32_t max_tokens,
                std::uint32_t flags, const std::function<bool(std::string_view)>& on_text, const Guessing& guessing = {});
// Why it ended and how fast it was, on standard error: figures only on a terminal.
void report(const Finish& finish, const Session& session);

// Ids with commas between, as --tokens takes them.
std::vector<hearth_token> token_list(const std::string& list);

// Unbuffered. BrokenPipe or Failure when it cannot be written.
void write_stdout(std::string_view text);
void note(std::string_view text);  // a line on standard error
bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
std::string read_stdin();
std::string read_file(const std::string& path);
// Runs a command of the shell with `input` on its standard input; its standard output, and behind a failure's first line
// what it wrote. Ctrl-C ends it: Interrupted.
std::string run_program(const std::string& command, const std::string& input);
// The next line without its end; false at the end of the input or when Ctrl-C was pressed.
bool read_line(std::string& line);

// A file that appears under its name when all of it is written; pipes and devices are written directly.
class OutputFile {
public:
    explicit OutputFile(std::string path);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    void write(const void* data, std::size_t bytes);
    void close();

private:
    [[noreturn]] void fail() const;
    std::string path_, temporary_;  // temporary_ is empty when the path is written directly
    int fd_ = -1;
};

// "1.50 GB", "12.0 MB".
std::string bytes_text(double bytes);
std::string number_text(double value, int decimals);

}  // namespace cli
