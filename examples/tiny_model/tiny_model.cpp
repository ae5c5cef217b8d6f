// tiny_model OUT.gguf: a model with random weights, for tests, examples and trying things out. It says nothing
// sensible, loads everywhere, and is the same file for the same options.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "model.hpp"

int main(int argc, char** argv) {
    CLI::App app("Writes a small model with random weights as a GGUF file");
    tiny::Shape shape;
    std::string path;
    app.option_defaults()->always_capture_default();
    app.add_option("out", path, "the file to write")->required();
    app.add_option("--arch", shape.arch, "family of the model")->check(CLI::IsMember(tiny::architectures()));
    app.add_option("--type", shape.type, "storage type of the matrices")->check(CLI::IsMember(tiny::types()));
    app.add_option("--seed", shape.seed, "other weights for another number");
    app.add_option("--layers", shape.layers, "number of blocks");
    app.add_option("--embd", shape.embd, "width of the residual stream");
    app.add_option("--heads", shape.heads, "query heads");
    app.add_option("--kv-heads", shape.kv_heads, "key and value heads");
    app.add_option("--ffn", shape.ffn, "width of the feed-forward layers");
    app.add_option("--vocab", shape.vocab, "number of tokens");
    app.add_option("--context", shape.context, "longest context");
    app.add_flag("--merges", shape.merges, "a byte-level BPE vocabulary with merges instead of a SentencePiece one");
    CLI11_PARSE(app, argc, argv);

    hearth::GgufWriter writer;
    hearth::Status status = tiny::add_model(writer, shape);
    if (status.ok()) status = writer.write(path).status();
    if (!status.ok()) {
        std::fprintf(stderr, "tiny_model: %s\n", status.message().c_str());
        return 1;
    }
    return 0;
}
