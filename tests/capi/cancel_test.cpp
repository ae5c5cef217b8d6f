// Cancelling within a pass, deadlines: the session stands at its last whole token, and goes on as if nothing had been.
#include <thread>

#include "capi/phase_runner.hpp"

using namespace hearth::test;

namespace {

std::vector<std::int32_t> prompt_of(std::size_t n, int seed) {
    std::vector<std::int32_t> v{1};
    while (v.size() < n) v.push_back(static_cast<std::int32_t>(20 + (v.size() * 31 + static_cast<std::size_t>(seed) * 7) % 150));
    return v;
}

struct Seen {
    std::vector<std::int32_t> tokens;
    std::uint32_t reason = 0;
    hearth_event finish{};
};

// Steps until the session has finished.
Seen run(hearth_generator* g, hearth_session* session, std::vector<std::int32_t>* others = nullptr) {
    Seen seen;
    while (seen.reason == 0) {
        REQUIRE(hearth_generator_step(g) == HEARTH_OK);
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, g) == HEARTH_OK) {
            if (e.session != session) {
                if (others != nullptr && e.kind == HEARTH_EVENT_TOKEN) others->push_back(e.token);
                continue;
            }
            if (e.kind == HEARTH_EVENT_TOKEN) seen.tokens.push_back(e.token);
            if (e.kind == HEARTH_EVENT_FINISH) {
                seen.reason = e.reason;
                seen.finish = e;
            }
        }
    }
    return seen;
}

void submit(hearth_generator* g, hearth_session* s, std::uint32_t tokens, std::uint32_t deadline = 0) {
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = tokens;
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    o.deadline_ms = deadline;
    CHECK_OK(hearth_generator_submit(g, s, nullptr, &o));
}

GeneratorPtr generator_of(hearth_model* model) {
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model));
    return GeneratorPtr(g);
}

constexpr const char* kFamilies[] = {"llama-tied-fused", "qwen3moe", "gemma4", "qwen35", "deepseek2-groups"};

}  // namespace

TEST_CASE("cancel: a pass stops within, and the session goes on to the same bits") {
    for (const char* family : kFamilies) {
        CAPTURE(std::string(family));
        PhaseRunner runner;
        const auto runtime = runner.runtime();
        const auto model = open_model(runtime.get(), shared_or_golden("families/" + std::string(family) + ".gguf"));
        const auto generator = generator_of(model.get());
        const auto prompt = prompt_of(60, 1);
        const auto plain = make_session(model.get(), 256, HEARTH_KV_F16);
        append(plain.get(), prompt);
        runner.phases = 0;
        submit(generator.get(), plain.get(), 12);
        const Seen whole = run(generator.get(), plain.get());
        REQUIRE(whole.tokens.size() == 12);
        const std::size_t all_phases = runner.phases;
        // In the prompt, in the first tokens, and anywhere.
        for (const std::size_t at : {std::size_t{0}, std::size_t{3}, all_phases / 7, all_phases / 3, all_phases / 2, all_phases - 2}) {
            CAPTURE(at);
            const auto session = make_session(model.get(), 256, HEARTH_KV_F16);
            append(session.get(), prompt);
            runner.phases = 0;
            runner.at = at;
            runner.act = [&] { CHECK_OK(hearth_generator_cancel(generator.get(), session.get())); };
            submit(generator.get(), session.get(), 12);
            const Seen cut = run(generator.get(), session.get());
            CHECK(cut.reason == HEARTH_FINISH_CANCELLED);
            CHECK(runner.phases == at + 1);  // no further phase has begun
            CHECK(hearth_session_length(session.get()) == prompt.size() + cut.tokens.size());
            runner.at = SIZE_MAX;
            submit(generator.get(), session.get(), static_cast<std::uint32_t>(12 - cut.tokens.size()));
            Seen rest = run(generator.get(), session.get());
            rest.tokens.insert(rest.tokens.begin(), cut.tokens.begin(), cut.tokens.end());
            CHECK(rest.tokens == whole.tokens);
            CHECK(same_bits(evaluate(session.get(), false), evaluate(plain.get(), false)));
        }
    }
}

TEST_CASE("cancel: others in the pass lose nothing") {
    for (const char* family : {"llama-tied-fused", "qwen35"}) {
        CAPTURE(std::string(family));
        PhaseRunner runner;
        const auto runtime = runner.runtime();
        const auto model = open_model(runtime.get(), shared_or_golden("families/" + std::string(family) + ".gguf"));
        const auto generator = generator_of(model.get());
        const auto alone = make_session(model.get(), 256);
        append(alone.get(), prompt_of(40, 2));
        submit(generator.get(), alone.get(), 8);
        const Seen wanted = run(generator.get(), alone.get());
        for (const std::size_t at : {2, 9, 23}) {
            CAPTURE(at);
            const auto a = make_session(model.get(), 256), b = make_session(model.get(), 256);
            append(a.get(), prompt_of(50, 3));
            append(b.get(), prompt_of(40, 2));
            runner.phases = 0;
            runner.at = at;
            runner.act = [&] { CHECK_OK(hearth_generator_cancel(generator.get(), a.get())); };
            submit(generator.get(), a.get(), 8);
            submit(generator.get(), b.get(), 8);
            std::vector<std::int32_t> tokens;
            CHECK(run(generator.get(), a.get(), &tokens).reason == HEARTH_FINISH_CANCELLED);
            if (tokens.size() < 8) {
                const Seen rest = run(generator.get(), b.get());
                tokens.insert(tokens.end(), rest.tokens.begin(), rest.tokens.end());
            }
            CHECK(tokens == wanted.tokens);
            runner.at = SIZE_MAX;
        }
    }
}

TEST_CASE("cancel: an evaluation ends with ECANCELLED and goes on to the same logits") {
    PhaseRunner runner;
    const auto runtime = runner.runtime();
    const auto model = open_model(runtime.get(), shared_or_golden("families/qwen35.gguf"));
    const auto prompt = prompt_of(90, 4);
    const auto plain = make_session(model.get(), 256, HEARTH_KV_F16, 40), session = make_session(model.get(), 256, HEARTH_KV_F16, 40);
    append(plain.get(), prompt);
    append(session.get(), prompt);
    CHECK_OK(hearth_session_cancel(session.get()));  // nothing runs: nothing happens
    runner.phases = 0;
    const auto wanted = evaluate(plain.get(), false);
    const std::size_t phases = runner.phases;
    runner.phases = 0;
    runner.at = phases / 2;
    runner.act = [&] { CHECK_OK(hearth_session_cancel(session.get())); };
    CHECK_FAILS(hearth_session_eval(nullptr, 0, nullptr, session.get(), 0), HEARTH_ECANCELLED, "stopped");
    CHECK(runner.phases == phases / 2 + 1);
    runner.at = SIZE_MAX;
    CHECK(same_bits(evaluate(session.get(), false), wanted));
}

TEST_CASE("cancel: a session's own cancel stops its generation") {
    PhaseRunner runner;
    const auto runtime = runner.runtime();
    const auto model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    const auto session = make_session(model.get(), 256);
    append(session.get(), prompt_of(30, 5));
    runner.phases = 0;
    runner.at = 60;
    runner.act = [&] { CHECK_OK(hearth_session_cancel(session.get())); };
    std::uint32_t finish = 0;
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    CHECK_OK(hearth_session_generate(&finish, session.get(), nullptr, &o, [](const hearth_event*, void*) { return std::int32_t{0}; }, nullptr));
    CHECK(finish == HEARTH_FINISH_CANCELLED);
    CHECK(runner.phases == 61);
}

TEST_CASE("cancel: a deadline ends a generation where it is") {
    PhaseRunner runner;
    const auto runtime = runner.runtime();
    const auto model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    const auto generator = generator_of(model.get());
    const auto session = make_session(model.get(), 256), other = make_session(model.get(), 256);
    append(session.get(), prompt_of(30, 6));
    append(other.get(), prompt_of(20, 7));
    runner.phases = 0;
    runner.at = 1;  // within the prompt
    runner.act = [] { std::this_thread::sleep_for(std::chrono::milliseconds(350)); };
    submit(generator.get(), session.get(), 0, 300);
    const Seen seen = run(generator.get(), session.get());
    CHECK(seen.reason == HEARTH_FINISH_DEADLINE);
    CHECK(seen.tokens.empty());
    CHECK(runner.phases <= 2);  // fewer on a machine that had the 300 ms go by before
    CHECK(seen.finish.prompt_tokens == 0);
    CHECK(seen.finish.passes == 0);
    // One that does not come does not matter.
    submit(generator.get(), session.get(), 4, 100'000);
    submit(generator.get(), other.get(), 4);
    const Seen rest = run(generator.get(), session.get());
    CHECK(rest.reason == HEARTH_FINISH_LENGTH);
    CHECK(rest.finish.passes == 4);
    CHECK(rest.finish.reused_tokens == 0);
    CHECK(rest.finish.wait_seconds >= 0);
    CHECK(rest.finish.draft_speedup == 1);
}
