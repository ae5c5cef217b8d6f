// hearth bench: how fast a model runs here, beside what the memory could deliver.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "common.hpp"

namespace cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
    if (values.empty()) return 0.0;
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::uint64_t peak_rss_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    return static_cast<std::uint64_t>(usage.ru_maxrss);
#else
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

struct Bench {
    ModelOptions model;
    SessionOptions session_options;
    std::uint32_t prompt = 512, decode = 128, depth = 0, rounds = 5;
    bool json = false, stream = false;

    void operator()() {
        if (stream == !model.path.empty()) {
            throw CLI::ValidationError("MODEL",
                                       stream ? "--stream takes no model" : "a model is required, or --stream");
        }
        const Runtime runtime = model.runtime();
        write_stdout(stream ? measure_stream(runtime) : measure_model(runtime));
    }

    std::string measure_stream(const Runtime& runtime) const {
        double rate = 0;
        check(hearth_runtime_measure_stream(&rate, runtime.get(), std::uint64_t{1} << 30, rounds));
        const std::uint32_t threads = hearth_runtime_threads(runtime.get());
        if (json) return Json{{"stream_gbps", rate / 1e9}, {"threads", threads}}.dump() + "\n";
        return "streaming read " + number_text(rate / 1e9, 2) + " GB/s with " + std::to_string(threads) + " threads\n";
    }

    // Ids that run through the vocabulary: every token costs the same, so which ones does not matter.
    static void append(const Session& session, std::size_t count, std::uint32_t vocab) {
        std::vector<hearth_token> tokens(count);
        for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<hearth_token>((i * 7919 + 13) % vocab);
        check(hearth_session_append_tokens(session.get(), tokens.data(), tokens.size()));
    }

    std::string measure_model(const Runtime& runtime) {
        const auto load_start = Clock::now();
        const Model loaded = model.load(runtime);
        const double load_s = seconds_since(load_start);
        const std::uint32_t vocab = hearth_model_vocab_size(loaded.get());
        if (session_options.context == 0) session_options.context = depth + std::max({prompt, decode, 1u});
        const Session session = session_options.make(loaded);
        std::vector<float> logits(vocab);
        // Logits are fetched as a sampler would do.
        const auto eval = [&] {
            throw_if_interrupted();
            std::size_t needed = 0;
            check(hearth_session_eval(logits.data(), logits.size(), &needed, session.get(), 0));
        };
        if (depth > 0) {
            append(session, depth, vocab);
            eval();
        }
        // From the same depth every time. Returns tokens per second.
        const auto prefill = [&](std::uint32_t count) {
            check(hearth_session_truncate(session.get(), depth));
            append(session, count, vocab);
            const auto start = Clock::now();
            eval();
            return count / seconds_since(start);
        };
        const auto decode_some = [&](std::uint32_t count) {
            check(hearth_session_truncate(session.get(), depth));
            const auto start = Clock::now();
            for (std::uint32_t i = 0; i < count; ++i) {
                append(session, 1, vocab);
                eval();
            }
            return count / seconds_since(start);
        };
        // Not counted: memory, pages and threads that are met for the first time.
        if (prompt > 0) prefill(prompt);
        if (decode > 0) decode_some(std::min(decode, 4u));
        std::vector<double> prefills, decodes;
        for (std::uint32_t round = 0; round < rounds; ++round) {
            if (prompt > 0) prefills.push_back(prefill(prompt));
            if (decode > 0) decodes.push_back(decode_some(decode));
        }
        const auto bytes = static_cast<double>(hearth_model_decode_bytes(loaded.get()));
        const double decode_tps = median(decodes), prefill_tps = median(prefills);
        if (json) {
            return Json{{"prefill_tps", prompt > 0 ? Json(prefill_tps) : Json(nullptr)},
                        {"decode_tps", decode > 0 ? Json(decode_tps) : Json(nullptr)},
                        {"decode_gbps", decode > 0 ? Json(bytes * decode_tps / 1e9) : Json(nullptr)},
                        {"bytes_per_token", hearth_model_decode_bytes(loaded.get())},
                        {"load_s", load_s},
                        {"peak_rss_bytes", peak_rss_bytes()},
                        {"prompt", prompt},
                        {"tokens", decode},
                        {"depth", depth},
                        {"rounds", rounds},
                        {"kv", session_options.kv},
                        {"threads", hearth_runtime_threads(runtime.get())},
                        {"isa", hearth_runtime_isa(runtime.get())}}
                       .dump() +
                   "\n";
        }
        std::string out;
        const std::string at = depth > 0 ? " at depth " + std::to_string(depth) : "";
        if (prompt > 0)
            out += "prefill  " + number_text(prefill_tps, 2) + " tokens/s (" + std::to_string(prompt) + " tokens" + at +
                   ")\n";
        if (decode > 0) {
            out += "decode   " + number_text(decode_tps, 2) + " tokens/s (" + std::to_string(decode) + " tokens" + at +
                   "), " + number_text(bytes * decode_tps / 1e9, 2) + " GB/s of weights\n";
        }
        return out + "weights  " + bytes_text(bytes) + " read per token\nload     " + number_text(load_s, 3) +
               " s\nmemory   " + bytes_text(static_cast<double>(peak_rss_bytes())) + " at most\nmachine  " +
               hearth_runtime_isa(runtime.get()) + ", " + std::to_string(hearth_runtime_threads(runtime.get())) +
               " threads; medians of " + std::to_string(rounds) + " rounds\n";
    }
};

}  // namespace

void add_bench(Commands& commands) {
    auto bench = std::make_shared<Bench>();
    CLI::App* app = commands.app.add_subcommand(
        "bench", "measures prefill, decoding, loading and memory, or the streaming read rate");
    bench->model.add(*app, false);
    app->add_option("-p,--prompt", bench->prompt, "tokens of the prompt; 0: no prefill")->capture_default_str();
    app->add_option("-n,--tokens", bench->decode, "tokens to decode one by one; 0: none")->capture_default_str();
    app->add_option("-d,--depth", bench->depth, "tokens in the cache before each measurement")->capture_default_str();
    app->add_option("-r,--rounds", bench->rounds, "rounds, of which the medians are told")
        ->check(CLI::Range(1u, 1000000u))
        ->capture_default_str();
    bench->session_options.add(*app);
    app->add_flag("--json", bench->json, "prints one JSON object");
    app->add_flag("--stream", bench->stream, "without MODEL: the rate at which this machine reads memory");
    app->callback([&commands, bench] { commands.action = [bench] { (*bench)(); }; });
}

}  // namespace cli
