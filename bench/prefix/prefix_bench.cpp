// bench_prefix MODEL [TOKENS [ROUNDS]]: how long a prompt takes until its last logits are there, computed, with a
// prefix store in memory, and with a new store on a folder that has it; what writing the folder costs; and whether all
// logits are the same bytes.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/handles.hpp"

namespace {

using namespace hearth::bench;  // NOLINT(google-build-using-namespace)
using Store = std::unique_ptr<hearth_prefix_store, Freer<hearth_prefix_store_free>>;

Store open_store(hearth_runtime* runtime, std::uint64_t bytes, const char* folder) {
    hearth_prefix_store_options options;
    check(hearth_prefix_store_options_init(&options, sizeof options));
    options.memory_bytes = bytes;
    options.folder = folder;
    hearth_prefix_store* store = nullptr;
    check(hearth_prefix_store_open(&store, runtime, &options));
    return Store(store);
}

struct Prompt {
    hearth_model* model;
    std::vector<hearth_token> tokens;
    std::vector<float> logits;  // of the last token, of the first run
    bool same = true;
    std::vector<double> decode = {};  // seconds of a token behind it

    // Seconds until the logits are there.
    double run(hearth_prefix_store* store) {
        hearth_session_options options;
        check(hearth_session_options_init(&options, sizeof options));
        options.context = static_cast<std::uint32_t>(tokens.size() + 64);
        hearth_session* session = nullptr;
        check(hearth_session_new(&session, model, &options));
        const std::unique_ptr<hearth_session, Freer<hearth_session_free>> owned(session);
        if (store != nullptr) check(hearth_session_use_store(session, store));
        std::vector<float> row(hearth_model_vocab_size(model));
        const auto start = Clock::now();
        check(hearth_session_append_tokens(session, tokens.data(), tokens.size()));
        check(hearth_session_eval(row.data(), row.size(), nullptr, session, 0));
        const double time = seconds(start);
        if (logits.empty()) logits = row;
        same = same && std::memcmp(row.data(), logits.data(), row.size() * sizeof(float)) == 0;
        const auto behind = Clock::now();
        check(hearth_session_append_tokens(session, tokens.data(), 1));
        check(hearth_session_eval(nullptr, 0, nullptr, session, 0));
        decode.push_back(seconds(behind));
        return time;
    }
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_prefix MODEL [TOKENS [ROUNDS]]\n");
        return 2;
    }
    const std::size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4096;
    const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
    hearth_runtime* runtime = nullptr;
    hearth_model* model = nullptr;
    check(hearth_runtime_new(&runtime, nullptr));
    check(hearth_model_open_path(&model, runtime, argv[1], nullptr));
    std::uint8_t digest[16];
    check(hearth_model_digest(digest, model));  // once for a model: not part of the figures

    Prompt prompt{model, {}, {}, true, {}};
    std::uint32_t draw = 1;
    while (prompt.tokens.size() < count) {
        draw = draw * 1664525 + 1013904223;
        prompt.tokens.push_back(static_cast<hearth_token>((draw >> 8) % hearth_model_vocab_size(model)));
    }
    std::string folder = (std::filesystem::temp_directory_path() / "hearth-prefix-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) return 1;

    const double computed = prompt.run(nullptr);
    std::vector<double> memory, files;
    const Store held = open_store(runtime, 0, nullptr);
    const double kept = prompt.run(held.get());
    for (int i = 0; i < rounds; ++i) memory.push_back(prompt.run(held.get()));
    // Without room in memory every round reads the files.
    const double written = prompt.run(open_store(runtime, 1, folder.c_str()).get());
    for (int i = 0; i < rounds; ++i) files.push_back(prompt.run(open_store(runtime, 1, folder.c_str()).get()));
    hearth_prefix_store_stats stats{};
    stats.struct_size = sizeof stats;
    check(hearth_prefix_store_get_stats(&stats, open_store(runtime, 1, folder.c_str()).get()));
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);

    std::printf("%zu tokens, until the last one's logits (medians of %d)\n", count, rounds);
    std::printf("computed                   %9.1f ms\n", computed * 1e3);
    std::printf("computed, kept in memory   %9.1f ms\n", kept * 1e3);
    std::printf("computed, kept in folder   %9.1f ms, %.1f MB in %llu files\n", written * 1e3,
                static_cast<double>(stats.file_bytes) * 1e-6, static_cast<unsigned long long>(stats.files));
    std::printf("taken over from memory     %9.2f ms, %.0f times as fast\n", median(memory) * 1e3,
                computed / median(memory));
    std::printf("taken over from folder     %9.2f ms, %.0f times as fast\n", median(files) * 1e3,
                computed / median(files));
    std::printf("a token behind it          %9.2f ms, which is part of all of these\n", median(prompt.decode) * 1e3);
    std::printf("logits                     %s\n", prompt.same ? "the same bytes" : "DIFFERENT");
    hearth_model_free(model);
    hearth_runtime_free(runtime);
    return prompt.same ? 0 : 1;
}
