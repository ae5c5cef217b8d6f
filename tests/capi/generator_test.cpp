// Generation: events, finish reasons, cancelling, sessions that come and go.
#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "capi/support.hpp"

using namespace hearth::test;

namespace {

struct Fixture {
    RuntimePtr runtime = make_runtime(2);
    ModelPtr model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    GeneratorPtr generator = [this] {
        hearth_generator* g = nullptr;
        CHECK_OK(hearth_generator_new(&g, model.get()));
        return GeneratorPtr(g);
    }();

    SessionPtr submit(std::uint32_t max_tokens, std::uint32_t flags = HEARTH_GENERATE_IGNORE_EOS, std::uint32_t context = 512,
                      std::size_t prompt = 5, const hearth_sampling* sampling = nullptr) {
        auto session = make_session(model.get(), context);
        std::vector<std::int32_t> tokens{1};
        while (tokens.size() < prompt) tokens.push_back(static_cast<std::int32_t>(40 + tokens.size() % 100));
        append(session.get(), tokens);
        hearth_generate_options o;
        CHECK_OK(hearth_generate_options_init(&o, sizeof o));
        o.max_tokens = max_tokens;
        o.flags = flags;
        o.tag = session.get();
        CHECK_OK(hearth_generator_submit(generator.get(), session.get(), sampling, &o));
        return session;
    }
};

struct Seen {
    std::vector<std::int32_t> tokens;
    std::string text;
    std::uint32_t reason = 0, prefills = 0, last_done = 0;
    hearth_event finish{};
};

// Runs until nothing is left; what each session saw, by its handle.
std::map<hearth_session*, Seen> drain(hearth_generator* generator) {
    std::map<hearth_session*, Seen> seen;
    while (hearth_generator_step(generator) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, generator) == HEARTH_OK) {
            Seen& s = seen[e.session];
            CHECK(e.tag == e.session);
            CHECK(s.reason == 0);  // nothing after FINISH
            s.text.append(e.text, e.text_length);
            if (e.kind == HEARTH_EVENT_TOKEN) s.tokens.push_back(e.token);
            if (e.kind == HEARTH_EVENT_PREFILL) {
                ++s.prefills;
                CHECK(e.prompt_tokens > s.last_done);
                s.last_done = e.prompt_tokens;
            }
            if (e.kind == HEARTH_EVENT_FINISH) {
                s.reason = e.reason;
                s.finish = e;
            }
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("generator: finishes by length, and counts what it did") {
    Fixture f;
    const auto session = f.submit(9);
    auto seen = drain(f.generator.get());
    const Seen& s = seen[session.get()];
    CHECK(s.reason == HEARTH_FINISH_LENGTH);
    CHECK(s.tokens.size() == 9);
    CHECK(s.finish.prompt_tokens == 5);
    CHECK(s.finish.prompt_total == 5);
    CHECK(s.finish.generated_tokens == 9);
    CHECK(s.finish.prompt_seconds > 0);
    CHECK(s.finish.generate_seconds >= 0);
    CHECK(hearth_session_length(session.get()) == 14);
    // The session is free again and goes on where it stopped.
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.max_tokens = 3;
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    o.tag = session.get();
    CHECK_OK(hearth_generator_submit(f.generator.get(), session.get(), nullptr, &o));
    seen = drain(f.generator.get());
    CHECK(seen[session.get()].tokens.size() == 3);
    const auto whole = f.submit(12);
    const auto again = drain(f.generator.get());
    std::vector<std::int32_t> a(17), b(17);
    std::size_t n = 0;
    CHECK_OK(hearth_session_tokens(a.data(), a.size(), &n, session.get()));
    CHECK_OK(hearth_session_tokens(b.data(), b.size(), &n, whole.get()));
    CHECK(a == b);
    CHECK(hearth_generator_step(f.generator.get()) == HEARTH_EAGAIN);
}

TEST_CASE("generator: stops at the end of the context and reports prompt progress") {
    Fixture f;
    const auto full = f.submit(0, HEARTH_GENERATE_IGNORE_EOS, 12);
    const auto exact = f.submit(0, HEARTH_GENERATE_IGNORE_EOS, 5);  // the prompt fills it
    const auto longer = f.submit(2, HEARTH_GENERATE_IGNORE_EOS | HEARTH_GENERATE_PREFILL, 2048, 1200);
    auto seen = drain(f.generator.get());
    CHECK(seen[full.get()].reason == HEARTH_FINISH_CONTEXT);
    CHECK(seen[full.get()].tokens.size() == 7);
    CHECK(seen[exact.get()].reason == HEARTH_FINISH_CONTEXT);
    CHECK(seen[exact.get()].tokens.empty());
    CHECK(seen[longer.get()].prefills >= 3);
    CHECK(seen[longer.get()].last_done == 1200);
    CHECK(seen[longer.get()].tokens.size() == 2);
}

TEST_CASE("generator: an end-of-generation token ends the turn and is not appended") {
    Fixture f;
    hearth_sampling* raw = nullptr;
    CHECK_OK(hearth_sampling_new(&raw));
    const SamplingPtr sampling(raw);
    // Nearly uniform over 272 tokens: </s> comes soon for some seed.
    CHECK_OK(hearth_sampling_set(sampling.get(), "temperature", 5));
    CHECK_OK(hearth_sampling_set(sampling.get(), "top_k", 0));
    CHECK_OK(hearth_sampling_set(sampling.get(), "top_p", 1));
    CHECK_OK(hearth_sampling_set(sampling.get(), "min_p", 0));
    std::size_t stopped = 0;
    for (int seed = 0; seed < 20; ++seed) {
        CHECK_OK(hearth_sampling_set(sampling.get(), "seed", seed));
        const auto session = f.submit(400, 0, 512, 5, sampling.get());
        auto seen = drain(f.generator.get());
        const Seen& s = seen[session.get()];
        CHECK(hearth_session_length(session.get()) == 5 + s.tokens.size());
        CHECK(std::find(s.tokens.begin(), s.tokens.end(), 2) == s.tokens.end());
        if (s.reason != HEARTH_FINISH_STOP) continue;
        ++stopped;
        CHECK(s.finish.token == 2);
    }
    CHECK(stopped > 5);
}

TEST_CASE("generator: text events are whole characters") {
    Fixture f;
    hearth_sampling* raw = nullptr;
    CHECK_OK(hearth_sampling_new(&raw));
    const SamplingPtr sampling(raw);
    CHECK_OK(hearth_sampling_set(sampling.get(), "temperature", 3));
    CHECK_OK(hearth_sampling_set(sampling.get(), "top_k", 0));
    const auto session = f.submit(300, HEARTH_GENERATE_IGNORE_EOS, 512, 5, sampling.get());
    while (hearth_generator_step(f.generator.get()) == HEARTH_OK) {
        hearth_event e{};
        e.struct_size = sizeof e;
        while (hearth_generator_next_event(&e, f.generator.get()) == HEARTH_OK) {
            // A random model emits random bytes; each event's text must still be valid by itself.
            hearth_tokenizer* t = nullptr;
            CHECK_OK(hearth_tokenizer_of_model(&t, f.model.get()));
            const TokenizerPtr tokenizer(t);
            std::size_t needed = 0;
            const hearth_status valid = hearth_tokenizer_encode(nullptr, 0, &needed, tokenizer.get(), e.text, e.text_length, HEARTH_TOKENIZE_NO_SPECIAL);
            CHECK((valid == HEARTH_OK || valid == HEARTH_EBUFS));
        }
    }
}

TEST_CASE("generator: cancels one, all, and from another thread") {
    Fixture f;
    const auto a = f.submit(0), b = f.submit(4), c = f.submit(0);
    CHECK_OK(hearth_generator_step(f.generator.get()));
    CHECK_OK(hearth_generator_cancel(f.generator.get(), a.get()));
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) std::this_thread::yield();
        (void)hearth_generator_cancel(f.generator.get(), c.get());
    });
    for (int i = 0; i < 6; ++i) CHECK_OK(hearth_generator_step(f.generator.get()));
    stop = true;
    auto seen = drain(f.generator.get());
    other.join();
    CHECK(seen[a.get()].reason == HEARTH_FINISH_CANCELLED);
    CHECK(seen[b.get()].reason == HEARTH_FINISH_LENGTH);
    CHECK(seen[b.get()].tokens.size() == 4);
    // c ran until the other thread came, or to the end of its context.
    CHECK((seen[c.get()].reason == HEARTH_FINISH_CANCELLED || seen[c.get()].reason == HEARTH_FINISH_CONTEXT));
    CHECK_OK(hearth_session_eval(nullptr, 0, nullptr, a.get(), 0));  // free again
    const auto d = f.submit(0), e = f.submit(0);
    CHECK_OK(hearth_generator_cancel(f.generator.get(), nullptr));
    seen = drain(f.generator.get());
    CHECK(seen[d.get()].reason == HEARTH_FINISH_CANCELLED);
    CHECK(seen[e.get()].reason == HEARTH_FINISH_CANCELLED);
}

TEST_CASE("generator: objects may be freed in any order") {
    auto runtime = make_runtime(2);
    auto model = open_model(runtime.get(), shared_or_golden("families/llama-tied-fused.gguf"));
    auto session = make_session(model.get());
    hearth_tokenizer* t = nullptr;
    CHECK_OK(hearth_tokenizer_of_model(&t, model.get()));
    TokenizerPtr tokenizer(t);
    hearth_generator* g = nullptr;
    CHECK_OK(hearth_generator_new(&g, model.get()));
    GeneratorPtr generator(g);
    const std::vector<std::int32_t> tokens{1, 50, 60};
    append(session.get(), tokens);
    CHECK_OK(hearth_generator_submit(generator.get(), session.get(), nullptr, nullptr));
    runtime.reset();
    model.reset();
    CHECK_OK(hearth_generator_step(generator.get()));
    session.reset();  // running: stops without further events
    CHECK(hearth_generator_step(generator.get()) == HEARTH_EAGAIN);
    hearth_event e{};
    e.struct_size = sizeof e;
    CHECK(hearth_generator_next_event(&e, generator.get()) == HEARTH_EAGAIN);
    generator.reset();
    CHECK(hearth_tokenizer_size(tokenizer.get()) == 272);
    std::size_t needed = 0;
    CHECK(hearth_tokenizer_encode(nullptr, 0, &needed, tokenizer.get(), "ab", 2, 0) == HEARTH_EBUFS);
}

TEST_CASE("generator: a callback stops it, and sees the same tokens as the pull form") {
    Fixture f;
    const auto pulled = f.submit(8);
    const auto seen = drain(f.generator.get());
    const auto session = make_session(f.model.get());
    append(session.get(), std::vector<std::int32_t>{1, 41, 42, 43, 44});
    std::vector<std::int32_t> tokens;
    std::uint32_t finish = 0;
    const auto on_event = [](const hearth_event* e, void* user) -> std::int32_t {
        auto* out = static_cast<std::vector<std::int32_t>*>(user);
        if (e->kind == HEARTH_EVENT_TOKEN) out->push_back(e->token);
        return out->size() == 5 ? 1 : 0;
    };
    hearth_generate_options o;
    CHECK_OK(hearth_generate_options_init(&o, sizeof o));
    o.flags = HEARTH_GENERATE_IGNORE_EOS;
    CHECK_OK(hearth_session_generate(&finish, session.get(), nullptr, &o, on_event, &tokens));
    CHECK(finish == HEARTH_FINISH_CANCELLED);
    const auto& all = seen.at(pulled.get()).tokens;
    CHECK(tokens == std::vector<std::int32_t>(all.begin(), all.begin() + 5));
}

TEST_CASE("generator: a cancellation is for what runs when it is asked for") {
    Fixture f;
    CHECK_OK(hearth_generator_cancel(f.generator.get(), nullptr));
    const auto session = f.submit(3);
    auto seen = drain(f.generator.get());
    CHECK(seen[session.get()].reason == HEARTH_FINISH_LENGTH);
    CHECK(seen[session.get()].tokens.size() == 3);
}
