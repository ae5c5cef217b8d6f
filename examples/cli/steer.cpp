// hearth steer-train: a control vector from pairs of prompts that contrast.
#include <nlohmann/json.hpp>

#include "common.hpp"

namespace cli {
namespace {

using Json = nlohmann::json;
using Tokens = std::vector<hearth_token>;

struct SteerTrain {
    ModelOptions model;
    std::string pairs, out, method = "mean";
    bool parse_special = false;

    static std::string at(const std::string& file, std::size_t line) { return file + ", line " + std::to_string(line); }

    // A text, or messages in the model's own template, up to where it would answer.
    Tokens tokens_of(const hearth_tokenizer* tokenizer, const Json& prompt, const std::string& where) const {
        Tokens tokens;
        const auto fill = [&](const auto& encode) {
            std::size_t count = 0;
            if (const hearth_status sized = encode(nullptr, 0, &count); sized != HEARTH_EBUFS) check(sized);
            tokens.resize(count);
            check(encode(tokens.data(), count, &count));
        };
        try {
            if (prompt.is_string()) {
                const auto& text = prompt.get_ref<const std::string&>();
                fill([&](hearth_token* to, std::size_t capacity, std::size_t* needed) {
                    return hearth_tokenizer_encode(to, capacity, needed, tokenizer, text.data(), text.size(),
                                                   parse_special ? HEARTH_TOKENIZE_PARSE_SPECIAL : 0u);
                });
            } else if (prompt.is_array()) {
                const std::string input = Json{{"messages", prompt}, {"add_generation_prompt", true}}.dump();
                fill([&](hearth_token* to, std::size_t capacity, std::size_t* needed) {
                    return hearth_chat_tokens(to, capacity, needed, tokenizer, nullptr, 0, input.data(), input.size(),
                                              HEARTH_TOKENIZE_NO_SPECIAL);
                });
            } else {
                throw Failure("a prompt is neither a text nor a list of messages");
            }
        } catch (const Failure& failure) {
            throw Failure(where + ": " + failure.what());
        }
        return tokens;
    }

    void operator()() const {
        const std::string text = pairs == "-" ? read_stdin() : read_file(pairs);
        const Runtime runtime = model.runtime();
        const Model loaded = model.load(runtime);
        hearth_tokenizer* of_model = nullptr;
        check(hearth_tokenizer_of_model(&of_model, loaded.get()));
        const Tokenizer tokenizer(of_model);
        std::vector<Tokens> sides[2];
        std::size_t number = 0;
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            const std::string line = text.substr(begin, end - begin);
            begin = end + 1;
            ++number;
            if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
            const Json pair = Json::parse(line, nullptr, false);
            if (!pair.is_object())
                throw Failure(at(pairs, number) + ": is no JSON object with 'positive' and 'negative'");
            for (const auto& [key, value] : pair.items())
                if (key != "positive" && key != "negative")
                    throw Failure(at(pairs, number) + ": has an unknown key '" + key + "'");
            for (std::size_t side = 0; side < 2; ++side) {
                const char* const key = side == 0 ? "positive" : "negative";
                if (!pair.contains(key)) throw Failure(at(pairs, number) + ": has no '" + key + "'");
                sides[side].push_back(tokens_of(tokenizer.get(), pair[key], at(pairs, number) + ", '" + key + "'"));
            }
        }
        std::vector<const hearth_token*> tokens[2];
        std::vector<std::size_t> lengths[2];
        for (std::size_t side = 0; side < 2; ++side)
            for (const Tokens& t : sides[side]) {
                tokens[side].push_back(t.data());
                lengths[side].push_back(t.size());
            }
        ProgressBar bar("training");
        hearth_steer_options options;
        check(hearth_steer_options_init(&options, sizeof options));
        options.method = method == "pca" ? HEARTH_STEER_PCA : HEARTH_STEER_MEAN;
        options.progress = ProgressBar::update;
        options.progress_user = &bar;
        check(hearth_steer_train(loaded.get(), tokens[0].data(), lengths[0].data(), tokens[1].data(), lengths[1].data(),
                                 sides[0].size(), out.c_str(), &options));
        note("hearth: '" + out + "' holds what " + std::to_string(sides[0].size()) + " pairs differ by");
    }
};

}  // namespace

void add_steer_train(Commands& commands) {
    auto train = std::make_shared<SteerTrain>();
    CLI::App* app = commands.app.add_subcommand(
        "steer-train", "makes a control vector from contrasting prompts, for --control of other commands");
    train->model.add(*app);
    app->add_option(
           "PAIRS", train->pairs,
           "JSON lines {\"positive\": …, \"negative\": …}, each a text or a list of messages; - for standard input")
        ->required();
    app->add_option("-o,--out", train->out, "the GGUF file to write; replaced where it exists")->required();
    app->add_option("--method", train->method, "mean of the differences, or pca: their first principal component")
        ->check(CLI::IsMember({"mean", "pca"}))
        ->capture_default_str();
    app->add_flag("--parse-special", train->parse_special, "special tokens written in texts become themselves");
    app->callback([&commands, train] { commands.action = [train] { (*train)(); }; });
}

}  // namespace cli
