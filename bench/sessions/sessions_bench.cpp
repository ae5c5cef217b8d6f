// bench_sessions MODEL.gguf [--sessions 1,4,16,64] [--prompt 64] [--tokens 32] [--draft MODEL.gguf] [--threads N]
// Tokens per second of 1, 4, 16 and 64 sessions that run together, and of one that guesses, over the C interface. Each
// session has a prompt of its own. Random weights repeat nothing: what a lookup brings there says nothing of texts.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bench/handles.hpp"

namespace {

using namespace hearth::bench;  // NOLINT(google-build-using-namespace)
using Session = std::unique_ptr<hearth_session, Freer<hearth_session_free>>;
using Generator = std::unique_ptr<hearth_generator, Freer<hearth_generator_free>>;

struct Run {
    double prompt_seconds = 0, decode_seconds = 0;
    std::size_t tokens = 0;  // decoded, but for each session's first
    hearth_event last{};
};

Run run(hearth_model* model, std::size_t sessions, std::size_t prompt, std::uint32_t tokens, std::uint32_t draft,
        hearth_model* draft_model, const hearth_sampling* sampling = nullptr) {
    hearth_generator* g = nullptr;
    check(hearth_generator_new(&g, model));
    const Generator generator(g);
    std::vector<Session> all;
    const auto vocab = static_cast<std::int32_t>(hearth_model_vocab_size(model));
    for (std::size_t i = 0; i < sessions; ++i) {
        hearth_session_options so;
        check(hearth_session_options_init(&so, sizeof so));
        so.context = static_cast<std::uint32_t>(prompt + tokens + 1);
        hearth_session* s = nullptr;
        check(hearth_session_new(&s, model, &so));
        all.emplace_back(s);
        std::vector<std::int32_t> ids;
        for (std::size_t t = 0; t < prompt; ++t)
            ids.push_back(static_cast<std::int32_t>((i * 7919 + t * 104729 + 11) % static_cast<std::size_t>(vocab)));
        check(hearth_session_append_tokens(s, ids.data(), ids.size()));
        hearth_generate_options o;
        check(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = tokens;
        o.flags = HEARTH_GENERATE_IGNORE_EOS;
        o.draft = draft;
        o.draft_model = draft_model;
        check(hearth_generator_submit(g, s, sampling, &o));
    }
    Run r;
    std::size_t first = 0;
    const auto start = Clock::now();
    auto decoding = start;
    while (hearth_generator_step(g) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK) {
            if (e.kind == HEARTH_EVENT_TOKEN && e.generated_tokens == 1) ++first;
            if (e.kind == HEARTH_EVENT_TOKEN && decoding != start) ++r.tokens;
            if (e.kind == HEARTH_EVENT_FINISH) r.last = e;
        }
        if (first == sessions && decoding == start) decoding = Clock::now();  // all prompts are done
    }
    r.prompt_seconds = std::chrono::duration<double>(decoding - start).count();
    r.decode_seconds = std::chrono::duration<double>(Clock::now() - decoding).count();
    return r;
}

}  // namespace

int main(int argc, char** argv) {
    std::string path, draft_path, counts = "1,4,16,64";
    std::size_t prompt = 64, threads = 0;
    std::uint32_t tokens = 32;
    for (int i = 1; i < argc; ++i) {
        const bool value = i + 1 < argc;
        if (value && std::strcmp(argv[i], "--sessions") == 0)
            counts = argv[++i];
        else if (value && std::strcmp(argv[i], "--prompt") == 0)
            prompt = std::strtoul(argv[++i], nullptr, 10);
        else if (value && std::strcmp(argv[i], "--tokens") == 0)
            tokens = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        else if (value && std::strcmp(argv[i], "--threads") == 0)
            threads = std::strtoul(argv[++i], nullptr, 10);
        else if (value && std::strcmp(argv[i], "--draft") == 0)
            draft_path = argv[++i];
        else
            path = argv[i];
    }
    if (path.empty() || prompt == 0 || tokens < 2) {
        std::fprintf(stderr,
                     "usage: bench_sessions MODEL.gguf [--sessions 1,4,16,64] [--prompt 64] [--tokens 32] [--draft "
                     "MODEL.gguf] [--threads N]\n");
        return 2;
    }
    hearth_runtime_options ro;
    check(hearth_runtime_options_init(&ro, sizeof ro));
    ro.threads = static_cast<std::uint32_t>(threads);
    hearth_runtime* runtime = nullptr;
    check(hearth_runtime_new(&runtime, &ro));
    hearth_model *model = nullptr, *draft = nullptr;
    check(hearth_model_open_path(&model, runtime, path.c_str(), nullptr));
    if (!draft_path.empty()) check(hearth_model_open_path(&draft, runtime, draft_path.c_str(), nullptr));
    run(model, 1, prompt, 8, HEARTH_DRAFT_NONE, nullptr);  // warm

    std::printf("%8s %12s %12s %10s %10s\n", "sessions", "prompt t/s", "decode t/s", "each t/s", "times one");
    double one = 0;
    for (const char* at = counts.c_str(); *at != 0;) {
        char* end = nullptr;
        const std::size_t n = std::strtoul(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
        if (n == 0) return 2;
        const Run r = run(model, n, prompt, tokens, HEARTH_DRAFT_NONE, nullptr);
        const double rate = static_cast<double>(r.tokens) / r.decode_seconds;
        if (one == 0) one = rate;
        std::printf("%8zu %12.1f %12.1f %10.2f %10.2f\n", n, static_cast<double>(n * prompt) / r.prompt_seconds, rate,
                    rate / static_cast<double>(n), rate / one);
        std::fflush(stdout);
    }

    std::printf("\n%8s %12s %10s %10s %10s %10s\n", "guesses", "decode t/s", "guessed", "true", "measured", "reported");
    const Run plain = run(model, 1, prompt, 4 * tokens, HEARTH_DRAFT_NONE, nullptr);
    const double plain_rate = static_cast<double>(plain.tokens) / plain.decode_seconds;
    const auto show = [&](const char* name, const Run& r) {
        const double rate = static_cast<double>(r.tokens) / r.decode_seconds;
        std::printf("%8s %12.1f %10u %10u %10.2f %10.2f\n", name, rate, r.last.drafted_tokens, r.last.accepted_tokens,
                    rate / plain_rate, r.last.draft_speedup);
    };
    show("none", plain);
    show("lookup", run(model, 1, prompt, 4 * tokens, HEARTH_DRAFT_LOOKUP, nullptr));
    // The most that guesses can bring: one token again and again, whatever the model says.
    hearth_sampling* one_token = nullptr;
    check(hearth_sampling_new(&one_token));
    check(hearth_sampling_set_bias(one_token, 100, 1000));
    show("always", run(model, 1, prompt, 4 * tokens, HEARTH_DRAFT_LOOKUP, nullptr, one_token));
    hearth_sampling_free(one_token);
    if (draft != nullptr) show("model", run(model, 1, prompt, 4 * tokens, HEARTH_DRAFT_MODEL, draft));
    hearth_model_free(draft);
    hearth_model_free(model);
    hearth_runtime_free(runtime);
}
