// One arithmetic: the same bytes whatever the instruction set, the threads, the chunks, the company, the history.
#include <algorithm>

#include "capi/support.hpp"

using namespace hearth::test;

namespace {

struct Case {
    std::string name;
    std::filesystem::path path;
    std::vector<std::int32_t> tokens;
};

// Long enough to cross chunks of 32 and several key blocks; one of them crosses a cache page.
std::vector<Case> cases() {
    std::vector<Case> list;
    for (const std::string name : {"llama-q4_k_m", "llama-q8_0", "qwen3", "phi3", "llama-moe", "qwen3moe-q4_k_m", "gemma3n", "gemma4", "qwen35", "lfm2",
                                   "deepseek2-groups"}) {
        const auto j = read_json(shared_or_golden("families/" + name + ".json"));
        auto tokens = j["tokens"].get<std::vector<std::int32_t>>();
        while (tokens.size() < (name == "llama-q4_k_m" ? 300 : 70)) tokens.push_back((tokens[tokens.size() / 2] * 7 + 5) % 259 + 3);
        list.push_back({name, shared_or_golden("families/" + name + ".gguf"), tokens});
    }
    if (std::filesystem::exists(shared("families/gpt-oss-mxfp4.gguf"))) {  // windows, sinks, a clamped activation
        std::vector<std::int32_t> tokens{1};
        while (tokens.size() < 70) tokens.push_back((tokens.back() * 37 + 11) % 250 + 3);
        list.push_back({"gpt-oss-mxfp4", shared("families/gpt-oss-mxfp4.gguf"), tokens});
    } else {
        skipped("exactness models", 1);
    }
    // These see keys that indexers choose: 8 of tokens, 4 of four tokens each, and what stands for 128.
    for (const auto& [name, length] : {std::pair<std::string, std::size_t>{"deepseek32", 70}, {"deepseek4", 140}}) {
        if (!std::filesystem::exists(shared("families/" + name + ".gguf"))) {
            skipped("exactness models", 1);
            continue;
        }
        std::vector<std::int32_t> tokens{1};
        while (tokens.size() < length) tokens.push_back((tokens.back() * 37 + 11) % 250 + 3);
        list.push_back({name, shared("families/" + name + ".gguf"), tokens});
    }
    if (std::filesystem::exists(shared("stories260K.gguf"))) {
        std::vector<std::int32_t> tokens{1};
        while (tokens.size() < 300) tokens.push_back((tokens.back() * 37 + 11) % 500 + 3);
        list.push_back({"stories260K", shared("stories260K.gguf"), tokens});
    } else {
        skipped("exactness models", 1);
    }
    return list;
}

const std::string scalar = "scalar";
constexpr std::uint32_t kKv[] = {HEARTH_KV_F16, HEARTH_KV_F32, HEARTH_KV_Q8_0};

// What the library takes by itself. It is tried with everything at once; other sets with each value of everything,
// since what threads, chunks and company are is decided above the kernels; the scalar kernels, which take as long as
// all others together, with some of it.
std::string best_isa() { return hearth_runtime_isa(make_runtime(1).get()); }

std::vector<float> all_logits(hearth_model* model, const std::vector<std::int32_t>& tokens, std::uint32_t chunk, std::uint32_t kv) {
    const auto session = make_session(model, 512, kv, chunk);
    append(session.get(), tokens);
    return evaluate(session.get(), true);
}

// Generates with other sessions in the same passes, and returns the logits that the first one saw.
std::vector<float> logits_in_company(hearth_model* model, const std::vector<std::int32_t>& tokens, std::size_t others,
                                     std::uint32_t steps, std::uint32_t chunk, std::uint32_t kv) {
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    const GeneratorPtr generator(g);
    std::vector<SessionPtr> sessions;
    for (std::size_t i = 0; i <= others; ++i) {
        // The caches of the others may be of other types.
        sessions.push_back(make_session(model, 512, i == 0 ? kv : kKv[i % 3], chunk));
        // The others' prompts differ in length, so that passes mix prefill and decode.
        std::vector<std::int32_t> prompt(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(i * 13));
        if (i != 0) std::rotate(prompt.begin() + 1, prompt.begin() + 1 + static_cast<std::ptrdiff_t>(i), prompt.end());
        append(sessions.back().get(), prompt);
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = steps;
        o.flags = HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_LOGITS;
        CHECK_OK(hearth_generator_submit(generator.get(), sessions.back().get(), nullptr, &o));
    }
    std::vector<float> seen;
    while (hearth_generator_step(generator.get()) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, generator.get()) == HEARTH_OK) {
            CHECK(e.status == HEARTH_OK);
            if (e.session == sessions[0].get() && e.logits != nullptr)
                seen.insert(seen.end(), e.logits, e.logits + hearth_model_vocab_size(model));
            e.struct_size = sizeof e;
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("exactness: logits are the same bytes for every instruction set, thread count and chunk") {
    const auto isas = available_isa_names();
    std::size_t lacking = 0;
    for (std::size_t i = 0; i < hearth_isa_count(); ++i) {
        bool available = false;
        hearth_isa_name(i, &available);
        lacking += !available;
    }
    if (lacking != 0) MESSAGE("SKIPPED " << lacking << " instruction sets that this CPU or build lacks");
    const std::string best = best_isa();
    REQUIRE(!isas.empty());
    for (const Case& c : cases()) {
        CAPTURE(c.name);
        std::vector<float> reference[3];
        {
            const auto runtime = make_runtime(1, reference_isa_name());
            const auto model = open_model(runtime.get(), c.path);
            for (std::size_t i = 0; i < 3; ++i) reference[i] = all_logits(model.get(), c.tokens, 512, kKv[i]);
            // The cache types do differ: the comparison can fail.
            for (std::size_t i = 0; i < 3; ++i) CHECK(!same_bits(reference[i], reference[(i + 1) % 3]));
        }
        constexpr std::uint32_t kThreads[] = {1, 2, 3, 5}, kChunks[] = {32, 7, 512, 1};
        for (const char* isa : isas) {
            const bool every = isa == best && !kThin;
            for (std::size_t t = 0; t < std::size(kThreads); ++t) {
                const std::uint32_t threads = kThreads[t];
                if ((kThin || isa == scalar) && threads != 2 && isa != best) continue;
                const auto runtime = make_runtime(threads, isa);
                CHECK(std::string(hearth_runtime_isa(runtime.get())) == isa);
                const auto model = open_model(runtime.get(), c.path);
                for (const std::uint32_t chunk : kChunks) {
                    if (!every && chunk != kChunks[t]) continue;
                    CAPTURE(std::string(isa));
                    CAPTURE(threads);
                    CAPTURE(chunk);
                    for (std::size_t i = 0; i < 3; ++i) {
                        CAPTURE(kKv[i]);
                        if (kKv[i] == HEARTH_KV_F16 || threads == 2)
                            CHECK(same_bits(all_logits(model.get(), c.tokens, chunk, kKv[i]), reference[i]));
                    }
                }
            }
        }
    }
}

TEST_CASE("exactness: a session's logits do not depend on the sessions beside it") {
    const std::string best = best_isa();
    for (const Case& c : cases()) {
        CAPTURE(c.name);
        std::vector<float> references[2];
        for (const char* isa : available_isa_names()) {
            if (kThin && isa != best) continue;  // whose kernels nothing here has to tell apart
            for (const std::uint32_t threads : {1U, 3U}) {
                const auto runtime = make_runtime(threads, isa);
                const auto model = open_model(runtime.get(), c.path);
                for (const std::size_t others : {std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
                    for (const std::uint32_t chunk : {7U, 512U}) {
                        if ((isa != best || kThin) && others != (threads == 1 ? 1 : 4)) continue;
                        if (isa == scalar && isa != best && (chunk == 7U) != (threads == 3)) continue;
                        const std::uint32_t kv = chunk == 7U && threads == 3U ? HEARTH_KV_Q8_0 : HEARTH_KV_F16;
                        std::vector<float>& reference = references[kv == HEARTH_KV_Q8_0];
                        CAPTURE(kv);
                        CAPTURE(std::string(isa));
                        CAPTURE(threads);
                        CAPTURE(others);
                        CAPTURE(chunk);
                        const auto logits = logits_in_company(model.get(), c.tokens, others, 12, chunk, kv);
                        REQUIRE(!logits.empty());
                        if (reference.empty()) reference = logits;
                        CHECK(same_bits(logits, reference));
                    }
                }
            }
        }
    }
}

TEST_CASE("exactness: decode after prefill, forks and truncated sessions see the logits of a fresh run") {
    const auto runtime = make_runtime(2);
    for (const Case& c : cases()) for (const std::uint32_t kv : {HEARTH_KV_F16, HEARTH_KV_Q8_0}) {
        CAPTURE(c.name);
        CAPTURE(kv);
        const auto model = open_model(runtime.get(), c.path);
        const std::size_t vocab = hearth_model_vocab_size(model.get());
        const auto whole = all_logits(model.get(), c.tokens, 512, kv);
        const auto row = [&](std::size_t i) { return std::span(whole).subspan(i * vocab, vocab); };
        const std::size_t cut = c.tokens.size() * 2 / 3;

        const auto session = make_session(model.get(), 512, kv);
        append(session.get(), std::span(c.tokens).first(cut));
        CHECK(same_bits(evaluate(session.get(), false), row(cut - 1)));
        hearth_session* f = nullptr;
        CHECK_OK(hearth_session_fork(&f, session.get()));
        const SessionPtr fork(f);
        CHECK(same_bits(evaluate(fork.get(), false), row(cut - 1)));  // nothing pending: the last logits

        // The original goes another way, token by token; the fork must not notice.
        for (std::size_t i = 0; i < 20; ++i) {
            const std::int32_t other = c.tokens[(i * 3) % cut];
            append(session.get(), {&other, 1});
            evaluate(session.get(), false);
        }
        for (std::size_t i = cut; i < c.tokens.size(); ++i) {
            append(fork.get(), {&c.tokens[i], 1});
            CHECK(same_bits(evaluate(fork.get(), false), row(i)));
        }
        // Back to the cut and on along the known road; and the logits of the last kept token can be had again.
        CHECK_OK(hearth_session_truncate(session.get(), cut));
        CHECK(same_bits(evaluate(session.get(), false), row(cut - 1)));
        CHECK_OK(hearth_session_truncate(session.get(), cut / 2));
        append(session.get(), std::span(c.tokens).subspan(cut / 2));
        evaluate(session.get(), false);
        CHECK(same_bits(evaluate(session.get(), false), row(c.tokens.size() - 1)));
    }
}
