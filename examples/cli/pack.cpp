// hearth pack: a model file in the form that loads without work.
#include "common.hpp"

namespace cli {

void add_pack(Commands& commands) {
    struct Pack {
        ModelOptions model;
        std::string out;
    };
    auto pack = std::make_shared<Pack>();
    CLI::App* app = commands.app.add_subcommand(
        "pack", "writes a model as the kernels read it: a file that loads at once and answers the same");
    pack->model.add(*app);
    app->add_option("OUT", pack->out, "the packed file to write; replaced where it exists")->required();
    app->callback([&commands, pack] {
        commands.action = [pack] {
            const Runtime runtime = pack->model.runtime();
            ProgressBar bar("packing");
            hearth_pack_options options;
            check(hearth_pack_options_init(&options, sizeof options));
            options.progress = ProgressBar::update;
            options.progress_user = &bar;
            check(hearth_model_pack(runtime.get(), pack->model.path.c_str(), pack->out.c_str(), &options));
        };
    });
}

}  // namespace cli
