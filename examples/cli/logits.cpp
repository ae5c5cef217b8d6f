// hearth logits: the model's raw results for given tokens, as a file for comparisons.
#include <bit>

#include "common.hpp"

namespace cli {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian, and so is hearth");

struct Logits {
    ModelOptions model;
    SessionOptions session;
    std::string list, out;

    void operator()() const {
        const std::vector<hearth_token> ids = token_list(list);
        const Runtime runtime = model.runtime();
        const Model loaded = model.load(runtime);
        const Session sequence = session.make(loaded);
        // Ids and length are judged as a whole before the first token is evaluated.
        check(hearth_session_append_tokens(sequence.get(), ids.data(), ids.size()));
        check(hearth_session_truncate(sequence.get(), 0));
        OutputFile file(out);
        // One chunk of logits at a time: all of them may be far more than the model itself.
        const std::size_t chunk = session.chunk > 0 ? session.chunk : 512;
        std::vector<float> rows;
        for (std::size_t first = 0; first < ids.size(); first += chunk) {
            throw_if_interrupted();
            const std::size_t count = std::min(chunk, ids.size() - first);
            rows.resize(count * hearth_model_vocab_size(loaded.get()));
            check(hearth_session_append_tokens(sequence.get(), &ids[first], count));
            std::size_t needed = 0;
            check(hearth_session_eval(rows.data(), rows.size(), &needed, sequence.get(), HEARTH_EVAL_ALL));
            file.write(rows.data(), needed * sizeof(float));
        }
        throw_if_interrupted();
        file.close();
    }
};

}  // namespace

void add_logits(Commands& commands) {
    auto logits = std::make_shared<Logits>();
    CLI::App* app = commands.app.add_subcommand(
        "logits", "writes the logits of every token: float32, little-endian, [tokens, vocab]");
    logits->model.add(*app);
    app->add_option("--tokens", logits->list, "token ids, e.g. 1,15043,3186; nothing is added to them")
        ->required()
        ->type_name("IDS");
    app->add_option("--out", logits->out, "the file to write")->required()->type_name("FILE");
    logits->session.kv = "f32";  // results to compare with others' should not carry a half-precision cache's rounding
    logits->session.add(*app);
    logits->session.add_chunk(*app);
    app->callback([&commands, logits] { commands.action = [logits] { (*logits)(); }; });
}

}  // namespace cli
