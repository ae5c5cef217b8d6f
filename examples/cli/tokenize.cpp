// hearth tokenize: standard input as token ids. Needs the vocabulary only, so files without weights do as well.
#include <nlohmann/json.hpp>

#include "common.hpp"

namespace cli {
namespace {

struct Tokenize {
    std::string path;
    bool json = false, no_bos = false, parse_special = false;

    void operator()() const {
        hearth_tokenizer* opened = nullptr;
        check(hearth_tokenizer_open_path(&opened, path.c_str()));
        const Tokenizer tokenizer(opened);
        const std::string text = read_stdin();
        const std::uint32_t flags =
            (no_bos ? HEARTH_TOKENIZE_NO_SPECIAL : 0u) | (parse_special ? HEARTH_TOKENIZE_PARSE_SPECIAL : 0u);
        // No vocabulary makes more tokens than bytes, but for the few special ones at the ends.
        std::vector<hearth_token> tokens(text.size() + 8);
        std::size_t needed = 0;
        hearth_status status = hearth_tokenizer_encode(tokens.data(), tokens.size(), &needed, tokenizer.get(),
                                                       text.data(), text.size(), flags);
        if (status == HEARTH_EBUFS) {
            tokens.resize(needed);
            status = hearth_tokenizer_encode(tokens.data(), tokens.size(), &needed, tokenizer.get(), text.data(),
                                             text.size(), flags);
        }
        check(status);
        tokens.resize(needed);
        write_stdout(json ? as_json(tokenizer, tokens) : as_line(tokens));
    }

    static std::string as_line(const std::vector<hearth_token>& tokens) {
        std::string out;
        for (const hearth_token token : tokens) out += (out.empty() ? "" : " ") + std::to_string(token);
        return out + "\n";
    }

    // Pieces need not be whole characters; JSON text must be: broken bytes show as U+FFFD.
    static std::string as_json(const Tokenizer& tokenizer, const std::vector<hearth_token>& tokens) {
        nlohmann::ordered_json out{{"tokens", tokens}, {"pieces", nlohmann::ordered_json::array()}};
        std::string piece;
        for (const hearth_token token : tokens) {
            std::size_t needed = 0;
            piece.resize(256);
            hearth_status status =
                hearth_tokenizer_piece(piece.data(), piece.size(), &needed, tokenizer.get(), token, true);
            piece.resize(needed);
            if (status == HEARTH_EBUFS) {
                status = hearth_tokenizer_piece(piece.data(), piece.size(), &needed, tokenizer.get(), token, true);
            }
            check(status);
            out["pieces"].push_back(piece);
        }
        return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    }
};

}  // namespace

void add_tokenize(Commands& commands) {
    auto tokenize = std::make_shared<Tokenize>();
    CLI::App* app = commands.app.add_subcommand("tokenize", "reads standard input and prints its token ids");
    app->add_option("MODEL", tokenize->path, "a GGUF file; one with a vocabulary and no weights is enough")->required();
    app->add_flag("--json", tokenize->json, "prints {\"tokens\": [ids], \"pieces\": [texts]}");
    app->add_flag("--no-bos", tokenize->no_bos, "adds no BOS or other special token");
    app->add_flag("--parse-special", tokenize->parse_special, "special tokens written in the text become themselves");
    app->callback([&commands, tokenize] { commands.action = [tokenize] { (*tokenize)(); }; });
}

}  // namespace cli
