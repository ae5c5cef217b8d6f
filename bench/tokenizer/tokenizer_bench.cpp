// bench_tokenizer TEXT VOCABULARY.gguf...: for each vocabulary one line of JSON with the time to load it, to encode the
// file's text at once and line by line, and to decode, on one thread; the best of several rounds. `hash` is FNV-1a over
// the ids, by which compare.py sees that both sides did the same work.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/formats/gguf.hpp"
#include "hearth/text/tokenizer.hpp"

namespace hearth {
namespace {

template <class Work>
double best_seconds(int rounds, const Work& work) {
    double best = 1e9;
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

int fail(const std::string& what) {
    std::fprintf(stderr, "bench_tokenizer: %s\n", what.c_str());
    return 1;
}

int run(const std::string& text, const char* path) {
    constexpr int rounds = 5;
    const auto file = Gguf::open_path(path);
    if (!file) return fail(file.status().message());
    std::unique_ptr<Tokenizer> tokenizer;
    Status status;
    const double load = best_seconds(rounds, [&] {
        auto made = Tokenizer::make((*file)->metadata());
        status = made ? Status() : made.status();
        if (made) tokenizer = *std::move(made);
    });
    if (!status) return fail(status.message());

    const EncodeOptions options{.add_special = false, .parse_special = false};
    std::vector<Token> ids;
    const double encode = best_seconds(rounds, [&] {
        auto encoded = tokenizer->encode(text, options);
        status = encoded ? Status() : encoded.status();
        if (encoded) ids = *std::move(encoded);
    });
    if (!status) return fail(status.message());
    const double lines = best_seconds(rounds, [&] {
        for (std::size_t begin = 0; begin < text.size() && status;) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            const auto encoded = tokenizer->encode(std::string_view(text).substr(begin, end - begin), options);
            if (!encoded) status = encoded.status();
            begin = end + 1;
        }
    });
    if (!status) return fail(status.message());
    std::string back;
    const double decode = best_seconds(rounds, [&] { back = tokenizer->decode(ids); });
    std::uint32_t hash = 2166136261u;
    for (const Token id : ids) hash = (hash ^ static_cast<std::uint32_t>(id)) * 16777619u;
    const double mb = static_cast<double>(text.size()) / 1e6;
    std::printf("{\"vocab\": \"%s\", \"tokens\": %zu, \"hash\": %u, \"same_text\": %s, \"load_ms\": %.1f, \"encode_mb_s\": %.2f, "
                "\"lines_mb_s\": %.2f, \"decode_mb_s\": %.1f}\n",
                path, ids.size(), hash, back == text ? "true" : "false", load * 1e3, mb / encode, mb / lines, mb / decode);
    return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
    if (argc < 3) return hearth::fail("usage: bench_tokenizer TEXT VOCABULARY.gguf...");
    std::ifstream in(argv[1], std::ios::binary);
    if (!in) return hearth::fail(std::string("cannot read ") + argv[1]);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    for (int i = 2; i < argc; ++i)
        if (const int code = hearth::run(text, argv[i]); code != 0) return code;
    return 0;
}
