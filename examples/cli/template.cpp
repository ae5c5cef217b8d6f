// hearth template: a conversation as the text that a model reads, by a template in a file or by the model's own. Needs
// no weights.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common.hpp"

namespace cli {
namespace {

bool is_model(const std::string& path) {
    if (std::filesystem::is_directory(path)) return true;
    std::ifstream in(path, std::ios::binary);
    char magic[4] = {};
    return in.read(magic, 4) && std::string_view(magic, 4) == "GGUF";
}

void write(hearth_text* made) {
    const Text text(made);
    std::size_t length = 0;
    const char* const data = hearth_text_data(text.get(), &length);
    write_stdout({data, length});
}

struct Template {
    std::string path, input, name;
    bool show = false;

    void operator()() const {
        Tokenizer tokenizer;
        std::string source;
        const bool of_model = is_model(path);
        if (of_model) {
            hearth_tokenizer* opened = nullptr;
            check(hearth_tokenizer_open_path(&opened, path.c_str()));
            tokenizer.reset(opened);
        } else {
            source = read_file(path);
        }
        if (of_model && (show || !name.empty())) {
            hearth_text* own = nullptr;
            check(hearth_chat_template(&own, tokenizer.get(), name.c_str()));
            if (show) return write(own);
            const Text text(own);
            std::size_t length = 0;
            const char* const data = hearth_text_data(own, &length);
            source.assign(data, length);
        }
        const std::string json = input == "-" ? read_stdin() : read_file(input);
        const bool own = of_model && name.empty();
        hearth_text* text = nullptr;
        check(hearth_chat_render(&text, tokenizer.get(), own ? nullptr : source.c_str(), source.size(), json.data(),
                                 json.size()));
        write(text);
    }
};

}  // namespace

void add_template(Commands& commands) {
    auto made = std::make_shared<Template>();
    CLI::App* app = commands.app.add_subcommand("template", "prints a conversation as the text that a model reads");
    app->add_option("SOURCE", made->path, "a template (FILE.jinja), or a model: a GGUF file or a folder")->required();
    CLI::Option* input = app->add_option(
        "--input", made->input,
        "JSON with messages, tools, add_generation_prompt …, or with those as its member `input`; - is standard input");
    CLI::Option* show = app->add_flag("--show", made->show, "prints the model's template itself");
    app->add_option("--name", made->name, "which of the model's templates, like tool_use");
    input->excludes(show);
    app->callback([&commands, made, input, show] {
        if (input->count() == 0 && show->count() == 0) throw CLI::RequiredError("--input or --show");
        commands.action = [made] { (*made)(); };
    });
}

}  // namespace cli
