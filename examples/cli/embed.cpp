// hearth embed: vectors of texts or token ids, or a reranker's scores, as a file.
#include <bit>
#include <charconv>
#include <fstream>

#include "common.hpp"

namespace cli {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian, and so is hearth");

// Floats [rows, width] as the file's name says: .npy, .json, or raw.
void write_rows(const std::string& path, const std::vector<float>& values, std::size_t width) {
    const std::size_t rows = width != 0 ? values.size() / width : 0;
    std::string head, tail;
    OutputFile file(path);
    if (path.ends_with(".json")) {
        std::string text = "[";
        for (std::size_t r = 0; r < rows; ++r) {
            text += r == 0 ? "[" : ",\n[";
            for (std::size_t i = 0; i < width; ++i) {
                char digits[32];
                const float x = values[r * width + i];
                const auto end = std::to_chars(digits, digits + sizeof digits, x).ptr;
                const bool finite = x - x == 0;  // JSON has no others
                text += (i == 0 ? "" : ",") + (finite ? std::string(digits, end) : std::string("null"));
            }
            text += ']';
        }
        text += "]\n";
        file.write(text.data(), text.size());
    } else {
        if (path.ends_with(".npy")) {  // version 1.0 of NumPy's format: the header ends at a multiple of 64 bytes
            std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                               std::to_string(width) + "), }";
            dict.resize((10 + dict.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
            dict += '\n';
            head = std::string("\x93NUMPY\x01\x00", 8);
            head += static_cast<char>(dict.size() & 0xff);
            head += static_cast<char>(dict.size() >> 8);
            head += dict;
            file.write(head.data(), head.size());
        }
        file.write(values.data(), values.size() * sizeof(float));
    }
    file.close();
}

std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    std::ifstream in(path, std::ios::binary);
    if (!in) throw Failure("cannot read '" + path + "'");
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        lines.push_back(line);
    }
    if (in.bad()) throw Failure("cannot read '" + path + "'");
    return lines;
}

struct Embed {
    ModelOptions model;
    std::vector<std::string> texts;
    std::string file, list, out, query, pooling = "default";
    bool normalize = false, no_special = false, parse_special = false, truncate = false;
    std::uint32_t dimensions = 0, pass_tokens = 0;
    CLI::Option* rerank = nullptr;

    hearth_embed_options options(std::uint32_t pooling_number) const {
        hearth_embed_options o;
        check(hearth_embed_options_init(&o, sizeof o));
        o.pooling = pooling_number;
        o.flags = (normalize ? HEARTH_EMBED_NORMALIZE : 0U) | (no_special ? HEARTH_EMBED_NO_SPECIAL : 0U) |
                  (parse_special ? HEARTH_EMBED_PARSE_SPECIAL : 0U) | (truncate ? HEARTH_EMBED_TRUNCATE : 0U);
        o.dimensions = dimensions;
        o.pass_tokens = pass_tokens;
        o.progress = [](std::uint64_t, std::uint64_t, void*) -> std::int32_t { return interrupted() ? 1 : 0; };
        return o;
    }

    void operator()() const {
        const std::pair<const char*, std::uint32_t> poolings[] = {
            {"default", HEARTH_POOLING_DEFAULT}, {"none", HEARTH_POOLING_NONE}, {"mean", HEARTH_POOLING_MEAN},
            {"cls", HEARTH_POOLING_CLS},         {"last", HEARTH_POOLING_LAST}, {"rank", HEARTH_POOLING_RANK}};
        std::uint32_t number = 0;
        for (const auto& [name, value] : poolings)
            if (pooling == name) number = value;
        std::vector<std::string> inputs = texts;
        if (!file.empty()) inputs = lines_of(file);
        if (inputs.empty() && list.empty()) throw CLI::ValidationError("embed", "give -p, --file or --tokens");
        const std::vector<hearth_token> ids = list.empty() ? std::vector<hearth_token>() : token_list(list);
        const Runtime runtime = model.runtime();
        const Model loaded = model.load(runtime);
        const hearth_embed_options o = options(number);

        std::vector<const char*> starts;
        std::vector<std::size_t> lengths;
        for (const std::string& text : inputs) {
            starts.push_back(text.data());
            lengths.push_back(text.size());
        }
        const hearth_token* const sequence = ids.data();
        const std::size_t length = ids.size();
        const auto run = [&](float* values, std::size_t capacity, std::size_t* needed) {
            if (rerank->count() != 0)
                return hearth_model_rerank(values, capacity, needed, loaded.get(), query.data(), query.size(),
                                           starts.data(), lengths.data(), starts.size(), &o);
            if (!list.empty())
                return hearth_model_embed(values, capacity, needed, loaded.get(), &sequence, &length, 1, &o);
            return hearth_model_embed_texts(values, capacity, needed, loaded.get(), starts.data(), lengths.data(),
                                            starts.size(), &o);
        };
        std::size_t needed = 0;
        hearth_status status = run(nullptr, 0, &needed);
        std::vector<float> values;
        if (status == HEARTH_EBUFS) {
            values.resize(needed);
            status = run(values.data(), values.size(), &needed);
        }
        check(status);
        if (rerank->count() != 0 && out.empty()) {
            std::string lines;
            for (std::size_t i = 0; i < inputs.size(); ++i)
                lines += number_text(values[i], 6) + "\t" + inputs[i] + "\n";
            write_stdout(lines);
            return;
        }
        write_rows(out, values, width_of(loaded, number, values.size(), inputs.size()));
    }

    std::size_t width_of(const Model& loaded, std::uint32_t number, std::size_t floats, std::size_t count) const {
        if (rerank->count() != 0) return 1;
        hearth_embedding_info info{};
        info.struct_size = sizeof info;
        check(hearth_model_embedding_info(&info, loaded.get()));
        if ((number != HEARTH_POOLING_DEFAULT ? number : info.pooling) == HEARTH_POOLING_NONE)
            return dimensions != 0 ? dimensions : info.token_width;
        return floats / (list.empty() ? count : 1);
    }
};

}  // namespace

void add_embed(Commands& commands) {
    auto embed = std::make_shared<Embed>();
    CLI::App* app = commands.app.add_subcommand(
        "embed", "writes embeddings of texts: float32, little-endian, [texts, width]; or a reranker's scores");
    embed->model.add(*app);
    CLI::Option* text = app->add_option("-p,--text", embed->texts, "a text; repeat it for more")->type_name("TEXT");
    text->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    CLI::Option* file = app->add_option("--file", embed->file, "texts, one in each line")->type_name("FILE");
    CLI::Option* tokens =
        app->add_option("--tokens", embed->list, "token ids of one text, e.g. 1,15043,3186; nothing is added to them")
            ->type_name("IDS");
    file->excludes(text);
    tokens->excludes(text)->excludes(file);
    CLI::Option* out = app->add_option("--out", embed->out, "the file to write; .npy and .json are written as such")
                           ->type_name("FILE");
    app->add_option("--pooling", embed->pooling, "none, mean, cls, last or rank; default: as the model file says")
        ->check(CLI::IsMember({"default", "none", "mean", "cls", "last", "rank"}));
    app->add_flag("--normalize", embed->normalize, "scales every vector to a Euclidean length of 1");
    app->add_option("--dimensions", embed->dimensions, "keeps so many of each vector, before normalising")
        ->type_name("N");
    embed->rerank = app->add_option("--rerank", embed->query,
                                    "scores the texts as answers to this query; without --out they are printed")
                        ->type_name("QUERY");
    embed->rerank->excludes(tokens);
    app->add_flag("--no-special", embed->no_special, "adds no special tokens to texts");
    app->add_flag("--parse-special", embed->parse_special, "special tokens written in a text become themselves");
    app->add_flag("--truncate", embed->truncate, "cuts texts that are longer than the model's context");
    app->add_option("--pass", embed->pass_tokens, "tokens of a pass over several texts, about")->type_name("N");
    app->callback([&commands, embed, out] {
        if (out->count() == 0 && embed->rerank->count() == 0) throw CLI::RequiredError("--out");
        commands.action = [embed] { (*embed)(); };
    });
}

}  // namespace cli
